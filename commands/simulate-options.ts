import { InvalidArgumentError, Option, type Command } from 'commander';
import { FederatedError } from '../shared/errors.ts';
import { attackNames } from '../simulations/attacks/parse.ts';
import type { DeviceModel } from '../simulations/devices.ts';
import { partitionExamples } from '../simulations/partitions/parse.ts';
import { transports, type SimulationOptions } from '../simulations/simulate-options.ts';
import {
  above0,
  addRunFlags,
  number,
  readConfigFile,
  whole,
  runConfigFrom,
  runFlagNames,
  type RunFlags,
} from './run-options.ts';

/** The options of a simulation, as flags and as keys of a config file. */

/** Settings of the devices. */
const deviceKeys = ['speed', 'spread', 'stragglers', 'slowdown', 'partialWork', 'dropout', 'availability'] as const;
/** Settings that a simulation has beside those of a run. */
const ownKeys = [
  'data',
  'test',
  'partition',
  'clients',
  'workers',
  'transport',
  'backend',
  'evaluateClients',
  'clientTest',
  'drift',
  'attack',
  'checkpointEvery',
  'out',
] as const;

export type SimulationFlags = RunFlags &
  Partial<Record<(typeof ownKeys)[number] | (typeof deviceKeys)[number], unknown>>;

const known: readonly string[] = [...runFlagNames.filter((key) => key !== 'minClients'), ...ownKeys, ...deviceKeys];

const share = (text: string): number => {
  const value = number(text);
  if (value < 0 || value > 1) throw new InvalidArgumentError('expected a number from 0 to 1');
  return value;
};

export function addSimulationFlags(command: Command): Command {
  return addRunFlags(command)
    .option('--data <spec>', "examples of the clients (what the task names); 'fedloom data ls' lists the sets")
    .option('--test <spec>', "examples that measure the model (the test examples of the data); 'none': not measured")
    .option('--partition <spec>', `how the examples are spread: ${partitionExamples().join(' | ')} (iid)`)
    .option('--clients <n>', 'clients (100, or as many as the partition makes)', whole(1, 1_000_000))
    .option('--workers <n>', 'threads that train (one a core); the result does not depend on it', whole(1, 1_024))
    .addOption(
      new Option('--transport <name>', 'memory: virtual time; ws: encrypted sockets on this machine (memory)').choices(
        transports,
      ),
    )
    .option('--backend <name>', 'what trains (auto)')
    .option('--speed <n>', 'examples that the median device trains on in a virtual second (no time passes)', above0())
    .option('--spread <x>', 'standard deviation of the logarithm of the speeds (0)', number)
    .option('--stragglers <share>', 'part of the trainings that take --slowdown times as long (0)', share)
    .option('--slowdown <x>', 'how much slower a straggler is (10)', number)
    .option('--partial-work', 'stragglers do fewer local epochs in the time of the others, instead of being late')
    .option('--dropout <share>', 'part of the trainings in which the device dies (0)', share)
    .option(
      '--availability <share>',
      'part of each virtual day in which a device is at hand, mostly at night (1)',
      share,
    )
    .option(
      '--evaluate-clients <n>',
      "measure the model on every client's own test examples every n rounds (0)",
      whole(0, 1_000_000),
    )
    .option('--client-test <share>', "part of each client's examples that is held out to measure it there (0)", share)
    .option(
      '--drift',
      'measure how far the updates of each round point apart (drift/l2, drift/cosine, drift/diversity)',
    )
    .option(
      '--checkpoint-every <n>',
      'also keep the model of every n-th round (0: the best and the last)',
      whole(0, 1_000_000),
    )
    .option('--attack <spec>', `clients that attack, as in sign-flip:0.2: ${attackNames.join(' | ')} (none)`);
}

/** @throws FederatedError BAD_FILE, BAD_CONFIG */
export const readSimulationFile = (path: string): Promise<Record<string, unknown>> => readConfigFile(path, known);

/** @throws FederatedError BAD_CONFIG, NOT_FOUND, BAD_FILE, BAD_TASK */
export async function simulationFrom(flags: SimulationFlags): Promise<SimulationOptions> {
  if (flags.minClients !== undefined) {
    throw new FederatedError('BAD_CONFIG', 'minClients: in a simulation all clients are there; give clients instead');
  }
  const config = await runConfigFrom(flags, () => 1);
  const pick = (keys: readonly (keyof SimulationFlags)[]): object =>
    Object.fromEntries(keys.filter((key) => flags[key] !== undefined).map((key) => [key, flags[key]]));
  const devices = pick(deviceKeys) as DeviceModel;
  const given = { ...config, ...pick(ownKeys), ...(Object.keys(devices).length > 0 ? { devices } : {}) };
  return given as unknown as SimulationOptions; // checked field by field before anything runs
}

/**
 * The settings of a sweep's combination, or of a trial, read as flags would be.
 * @throws FederatedError BAD_ARGUMENT naming the setting
 */
export function combinationFlags(
  command: Command,
  combination: Readonly<Record<string, string>>,
  what: 'sweep' | 'search' = 'sweep',
): SimulationFlags {
  const flags: Record<string, unknown> = {};
  for (const [key, text] of Object.entries(combination)) {
    const name = key.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const option = command.options.find((each) => each.attributeName() === name);
    if (option === undefined || !known.includes(name) || name === 'out' || name === 'workers') {
      const list = known.filter((each) => each !== 'out' && each !== 'workers').toSorted();
      throw new FederatedError('BAD_ARGUMENT', `${what}: no setting "${key}"; known are ${list.join(', ')}`);
    }
    try {
      if (option.argChoices?.includes(text) === false) {
        throw new InvalidArgumentError(`expected ${option.argChoices.join(' or ')}`);
      }
      const isFlag = !option.required && !option.optional;
      flags[name] = isFlag ? toBoolean(text) : option.parseArg === undefined ? text : option.parseArg(text, undefined);
    } catch (thrown) {
      if (!(thrown instanceof InvalidArgumentError)) throw thrown;
      throw new FederatedError('BAD_ARGUMENT', `${what}: ${key}=${text}: ${thrown.message}`);
    }
  }
  return flags;
}

function toBoolean(text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new InvalidArgumentError('expected true or false');
}
