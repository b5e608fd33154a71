import { readFile } from 'node:fs/promises';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { parse } from 'yaml';
import { parseStrategy } from '../server/strategies/spec.ts';
import { FederatedError } from '../shared/errors.ts';
import { checkTask, type Task } from '../shared/tasks/task.ts';
import { taskByName } from '../shared/tasks/catalog.ts';

/** The options of a run, as flags and as keys of a config file. Flags win over the file, the file over the defaults. */

export const number = (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('expected a number');
  return value;
};

/** A whole number from `from` to `to`. */
export const whole =
  (from: number, to = 1_000_000_000) =>
  (text: string): number => {
    const value = number(text);
    if (Number.isInteger(value) && value >= from && value <= to) return value;
    throw new InvalidArgumentError(`expected a whole number from ${from}${to < 1_000_000_000 ? ` to ${to}` : ''}`);
  };

/** A number above 0, to `to`. */
export const above0 =
  (to = Infinity) =>
  (text: string): number => {
    const value = number(text);
    if (value > 0 && value <= to) return value;
    throw new InvalidArgumentError(`expected a number above 0${to < Infinity ? ` to ${to}` : ''}`);
  };

const between =
  (from: number, to: number) =>
  (text: string): number => {
    const value = number(text);
    if (value >= from && value <= to) return value;
    throw new InvalidArgumentError(`expected a number from ${from} to ${to}`);
  };

const seed = whole(0, Number.MAX_SAFE_INTEGER);

const units: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `90s`, `5m`, `1h`, or bare milliseconds. @returns ms */
export function milliseconds(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text.trim());
  if (match === null) throw new InvalidArgumentError('expected a time such as 90s, 5m or 1500 (ms)');
  return Math.round(Number(match[1]) * units[match[2] ?? 'ms']!);
}

const keepModels = (text: string): number | 'all' => (text === 'all' ? 'all' : whole(1)(text));

const batchSize = (text: string): number | 'full' => (text === 'full' ? 'full' : whole(1)(text));

/** Options that go into the run's config under the same name. */
const runKeys = [
  'rounds',
  'minClients',
  'clientsPerRound',
  'clientFraction',
  'overselect',
  'minReports',
  'roundTimeout',
  'sendTimeout',
  'stepTimeout',
  'secureAggregation',
  'coordinateBound',
  'modulusBits',
  'weighting',
  'maxUpdateNorm',
  'maxExamples',
  'evaluateEvery',
  'targetAccuracy',
  'keepModels',
  'maxAttempts',
  'retryDelay',
  'seed',
] as const;
/** Options that change the task's training plan. */
const trainingKeys = ['localEpochs', 'batchSize', 'lr'] as const;
const strategyKeys = ['strategy', 'serverLearningRate'] as const;

export type RunFlags = Partial<
  Record<(typeof runKeys)[number] | (typeof trainingKeys)[number] | (typeof strategyKeys)[number] | 'task', unknown>
>;

export const runFlagNames: readonly string[] = [...runKeys, ...trainingKeys, ...strategyKeys, 'task'];

export function addRunFlags(command: Command): Command {
  return command
    .option('--task <name|file>', 'a task by name, or a JSON file (mnist-2nn)')
    .option('--rounds <n>', 'rounds to train', whole(1))
    .option('--min-clients <n>', 'clients that must be ready before a round begins (3)', whole(1))
    .option('--clients-per-round <n>', 'clients wanted in each round (all that are ready)', whole(1))
    .option('--client-fraction <c>', 'part of the ready clients wanted in each round', above0(1))
    .option('--overselect <x>', 'pick so many times more than wanted (1)', between(1, 10))
    .option('--min-reports <n>', 'fewer reports: the round is abandoned (half of those wanted)', whole(1))
    .option('--round-timeout <time>', 'from the word to train to the last report (10m)', milliseconds)
    .option('--send-timeout <time>', 'from the word to train until a client has the model (2m)', milliseconds)
    .option('--step-timeout <time>', 'for each further answer of secure aggregation (30s)', milliseconds)
    .option('--secure-aggregation', 'the server learns sums only (on, where every round has three clients)')
    .option('--no-secure-aggregation', 'the server sees every single update')
    .option('--coordinate-bound <x>', 'secure aggregation: cut off a coordinate of an update beyond it (8)', above0())
    .option('--modulus-bits <n>', 'secure aggregation: bits of a coordinate on the wire, 16 to 32 (32)', whole(16, 32))
    .addOption(new Option('--weighting <w>', 'weight of a report (examples)').choices(['examples', 'uniform']))
    .option(
      '--max-update-norm <x>',
      'refuse reports with a larger L2 norm; with secure aggregation clients scale down (1000)',
      above0(),
    )
    .option('--max-examples <n>', 'refuse reports that claim more examples (1000000)', whole(1))
    .option('--evaluate-every <n>', 'central evaluation every n rounds; 0: never (1)', whole(0, 1_000_000))
    .option('--target-accuracy <x>', 'stop when central evaluation reaches it', above0(1))
    .option(
      '--keep-models <n|all>',
      'newest models that stay on the disk, beside the first and the best (100)',
      keepModels,
    )
    .option('--max-attempts <n>', 'attempts of one round before the run is paused (100)', whole(1))
    .option('--retry-delay <time>', 'pause before an abandoned round is tried again (1s)', milliseconds)
    .option('--seed <n>', 'seed of initial weights, selection and batch order', seed)
    .option('--local-epochs <n>', 'E: passes over the local data in a round', whole(1))
    .option('--batch-size <n|full>', 'B: examples in a step', batchSize)
    .option('--lr <x>', "the clients' learning rate", above0())
    .option('--strategy <spec>', 'how reports become the next model: fedavg, fedadam:lr=0.1,tau=0.001, ... (fedavg)')
    .option('--server-learning-rate <x>', "the strategy's learning rate (1)", above0());
}

async function loadTask(value: unknown): Promise<Task> {
  if (typeof value === 'object' && value !== null) return checkTask(value);
  const name = value ?? 'mnist-2nn';
  if (typeof name !== 'string') throw new FederatedError('BAD_CONFIG', 'task: expected a name, a file or a task');
  if (!name.endsWith('.json')) return taskByName(name);
  return checkTask(await readJson(name, 'task'));
}

/** A word of a flag or a file, or a file's map of options. */
function strategyFrom(value: unknown): object {
  if (typeof value === 'string') return parseStrategy(value);
  if (typeof value === 'object' && value !== null) return value;
  throw new FederatedError('BAD_CONFIG', 'strategy: expected a name such as fedavg, or a map with a name');
}

async function readJson(path: string, what: string): Promise<unknown> {
  const text = await readText(path, what);
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = text.trim() === '' ? 'it is empty' : (cause as Error).message;
    throw new FederatedError('BAD_FILE', `${what}: ${path} is no JSON: ${why}`, { cause });
  }
}

/** @param what - the option that names the file. @throws FederatedError BAD_FILE */
export async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new FederatedError('BAD_FILE', `${what}: ${code === 'ENOENT' ? `there is no file ${path}` : message}`, {
      cause,
    });
  }
}

/** A run's config (unchecked) from flags and file keys. */
export async function runConfigFrom(flags: RunFlags, defaultSeed: () => number): Promise<Record<string, unknown>> {
  const task = await loadTask(flags.task);
  const { localEpochs, batchSize: size, lr, strategy, serverLearningRate } = flags;
  const training = {
    ...task.training,
    ...(localEpochs === undefined ? {} : { localEpochs }),
    ...(size === undefined ? {} : { batchSize: size }),
    ...(lr === undefined ? {} : { clientLearningRate: lr }),
  };
  const config: Record<string, unknown> = { task: { ...task, training } };
  for (const key of runKeys) if (flags[key] !== undefined) config[key] = flags[key];
  config['seed'] ??= defaultSeed();
  if (strategy !== undefined || serverLearningRate !== undefined) {
    config['strategy'] = {
      ...strategyFrom(strategy ?? 'fedavg'),
      ...(serverLearningRate === undefined ? {} : { serverLearningRate }),
    };
  }
  return config;
}

/**
 * The keys of a YAML config file.
 * @param known - the option names that may appear
 * @throws FederatedError BAD_FILE (cannot be read), BAD_CONFIG (not a map, or an unknown key, by name)
 */
export async function readConfigFile(path: string, known: readonly string[]): Promise<Record<string, unknown>> {
  const text = await readText(path, 'config');
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 0 });
  } catch (cause) {
    const [first = ''] = (cause as Error).message.split('\n'); // the lines below show the place
    throw new FederatedError('BAD_CONFIG', `config file ${path}: ${first.replace(/:$/, '')}`, { cause });
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new FederatedError('BAD_CONFIG', `config file ${path}: expected a map of options such as "rounds: 20"`);
  }
  const config = value as Record<string, unknown>;
  for (const [key, entry] of Object.entries(config)) {
    if (!known.includes(key)) {
      throw new FederatedError(
        'BAD_CONFIG',
        `config file ${path}: unknown key "${key}"; known are ${known.toSorted().join(', ')}`,
      );
    }
    const isTime = ['roundTimeout', 'sendTimeout', 'stepTimeout', 'retryDelay'].includes(key);
    if (isTime && typeof entry === 'string') {
      try {
        config[key] = milliseconds(entry);
      } catch (cause) {
        throw new FederatedError('BAD_CONFIG', `config file ${path}: ${key}: ${(cause as Error).message}`, { cause });
      }
    }
  }
  return config;
}
