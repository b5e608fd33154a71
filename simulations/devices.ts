import { FederatedError } from '../shared/errors.ts';
import { seeded } from '../shared/random.ts';
import type { DeviceTurn } from './virtual/surroundings.ts';

/** What the devices of a federation are like. Everything is drawn from the seed of the run. */
export interface DeviceModel {
  /** Examples that the median device trains on in a second; default: no time passes. */
  readonly speed?: number;
  /** Standard deviation of the logarithm of the devices' speeds: 0 (default) makes all alike, 1 spreads two thirds of them over a factor of 7. */
  readonly spread?: number;
  /** Part of all trainings that take `slowdown` times as long, 0 to 1; default 0. */
  readonly stragglers?: number;
  /** Default 10. */
  readonly slowdown?: number;
  /** Part of all trainings in which the device dies at a random moment, 0 to 1; it is back for the next round. Default 0. */
  readonly dropout?: number;
}

const ranges: Readonly<Record<keyof DeviceModel, { readonly above: number; readonly to: number }>> = {
  speed: { above: 0, to: 1e12 },
  spread: { above: -1e-300, to: 10 },
  stragglers: { above: -1e-300, to: 1 },
  slowdown: { above: 0, to: 1e9 },
  dropout: { above: -1e-300, to: 1 },
};

/** @throws FederatedError BAD_ARGUMENT naming the setting and its range */
export function checkDevices(model: DeviceModel): void {
  for (const [name, value] of Object.entries(model) as [keyof DeviceModel, unknown][]) {
    if (value === undefined) continue;
    const range = Object.hasOwn(ranges, name) ? ranges[name] : undefined;
    if (range === undefined) {
      throw new FederatedError(
        'BAD_ARGUMENT',
        `devices: no setting "${name}"; known are ${Object.keys(ranges).join(', ')}`,
      );
    }
    const { above, to } = range;
    if (typeof value === 'number' && value > above && value <= to) continue;
    const least = above === 0 ? 'above 0' : 'from 0';
    throw new FederatedError(
      'BAD_ARGUMENT',
      `devices: ${name}: expected a number ${least} to ${to}, got ${JSON.stringify(value)}`,
    );
  }
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
  const { speed, spread = 0, stragglers = 0, slowdown = 10, dropout = 0 } = model;
  const own = seeded(seed, 'device', where.client);
  const random = seeded(seed, 'device', where.client, where.round, where.attempt);
  const factor = Math.exp(spread * normal(own.float(), own.float()));
  const seconds = speed === undefined ? 0 : examples / (speed * factor);
  const takes = Math.ceil(1_000 * seconds * (random.float() < stragglers ? slowdown : 1));
  const dies = random.float() < dropout;
  return { takes, diesAfter: dies ? Math.floor(takes * random.float()) : null };
}

/** Box and Muller 1958. @param a, b - uniform over [0, 1) */
const normal = (a: number, b: number): number => Math.sqrt(-2 * Math.log(1 - a)) * Math.cos(2 * Math.PI * b);
