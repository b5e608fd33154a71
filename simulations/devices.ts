import { FederatedError } from '../shared/errors.ts';
import { seeded } from '../shared/random.ts';
import type { DeviceTurn } from './virtual/surroundings.ts';

/** What the devices of a federation are like. Everything is drawn from the seed of the run. */
export interface DeviceModel {
  /** Examples that the median device trains on in a second; default: no time passes. */
  readonly speed?: number;
  /** Standard deviation of the logarithm of the devices' speeds: 0 (default) makes all alike, 1 spreads two thirds of them over a factor of 7. */
  readonly spread?: number;
  /** Part of all trainings that take `slowdown` times as long, or do less with `partialWork`, 0 to 1; default 0. */
  readonly stragglers?: number;
  /**
   * What a straggler does: false (default): everything, too late for a round with a deadline, as FedAvg has it, which drops them;
   * true: in the time of the others fewer local epochs, uniformly from 1 to E, as FedProx takes them. The same trainings are
   * stragglers in both.
   * @see Li et al., Federated Optimization in Heterogeneous Networks, MLSys 2020, section 5.2
   */
  readonly partialWork?: boolean;
  /** Default 10. */
  readonly slowdown?: number;
  /** Part of all trainings in which the device dies at a random moment, 0 to 1; it is back for the next round. Default 0. */
  readonly dropout?: number;
  /** Part of each day in which a device is at hand, above 0 to 1; default 1: always. See `Days`. */
  readonly availability?: number;
}

const ranges: Readonly<
  Record<
    Exclude<keyof DeviceModel, 'partialWork'>,
    { readonly from: number; readonly to: number; readonly open?: true }
  >
> = {
  speed: { from: 0, to: 1e12, open: true },
  spread: { from: 0, to: 10 },
  stragglers: { from: 0, to: 1 },
  slowdown: { from: 1, to: 1e9 },
  dropout: { from: 0, to: 1 },
  availability: { from: 0, to: 1, open: true },
};
const known: readonly string[] = [...Object.keys(ranges), 'partialWork'];

const refuse = (message: string): never => {
  throw new FederatedError('BAD_ARGUMENT', `devices: ${message}`);
};

/**
 * @param localEpochs - E
 * @throws FederatedError BAD_ARGUMENT naming the setting and its range, or what it needs beside it
 */
export function checkDevices(model: DeviceModel, localEpochs: number): void {
  for (const [name, value] of Object.entries(model) as [keyof DeviceModel, unknown][]) {
    if (value === undefined) continue;
    if (!known.includes(name)) refuse(`no setting "${name}"; known are ${known.join(', ')}`);
    if (name === 'partialWork') {
      if (typeof value !== 'boolean') refuse(`partialWork: expected true or false, got ${JSON.stringify(value)}`);
      continue;
    }
    const { from, to, open = false } = ranges[name];
    if (typeof value === 'number' && (open ? value > from : value >= from) && value <= to) continue;
    refuse(`${name}: expected a number ${open ? 'above' : 'from'} ${from} to ${to}, got ${JSON.stringify(value)}`);
  }
  const { speed, stragglers = 0, partialWork = false, availability = 1 } = model;
  if (partialWork && localEpochs === 1) {
    refuse('partialWork: of one local epoch there is no part; set localEpochs to 2 or more');
  }
  if (speed !== undefined) return;
  if (stragglers > 0 && !partialWork) {
    refuse('stragglers: without speed no time passes and nobody is late; set speed, or partialWork');
  }
  if (availability < 1) refuse('availability: without speed no time passes, nor does a day; set speed');
}

/**
 * How a device does in one attempt. A pure function, so that a run that is taken up again goes on as if it had not stopped.
 * @param examples - that it trains on, times its epochs
 */
export function deviceTurn(
  model: DeviceModel,
  seed: number,
  where: { readonly client: number; readonly round: number; readonly attempt: number },
  examples: number,
): DeviceTurn {
  const { speed, spread = 0, stragglers = 0, slowdown = 10, dropout = 0, partialWork = false } = model;
  const own = seeded(seed, 'device', where.client);
  const random = seeded(seed, 'device', where.client, where.round, where.attempt);
  const factor = Math.exp(spread * normal(own.float(), own.float()));
  const seconds = speed === undefined ? 0 : examples / (speed * factor);
  const isStraggler = random.float() < stragglers;
  const takes = Math.ceil(1_000 * seconds * (isStraggler && !partialWork ? slowdown : 1));
  const dies = random.float() < dropout;
  const diesAfter = dies ? Math.floor(takes * random.float()) : null;
  return { takes, diesAfter, work: isStraggler && partialWork ? 1 - random.float() : 1 };
}

/** Box and Muller 1958. @param a, b - uniform over [0, 1) */
const normal = (a: number, b: number): number => Math.sqrt(-2 * Math.log(1 - a)) * Math.cos(2 * Math.PI * b);
