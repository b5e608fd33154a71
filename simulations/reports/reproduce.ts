import { isSimulated } from './protection.ts';
import { fieldOf, type RunRecord } from './run-record.ts';

/** Settings that are flags of the same name, in the order in which they are written. */
const flags = [
  'data',
  'test',
  'partition',
  'clients',
  'minClients',
  'clientsPerRound',
  'clientFraction',
  'overselect',
  'minReports',
  'weighting',
  'evaluateEvery',
  'targetAccuracy',
  'evaluateClients',
  'clientTest',
  'attack',
  'transport',
  'rounds',
  'seed',
] as const;
/** Settings that are flags of another name. */
const elsewhere = [
  ['task.training.localEpochs', 'local-epochs'],
  ['task.training.batchSize', 'batch-size'],
  ['task.training.clientLearningRate', 'lr'],
  ['devices.speed', 'speed'],
  ['devices.spread', 'spread'],
  ['devices.stragglers', 'stragglers'],
  ['devices.slowdown', 'slowdown'],
  ['devices.dropout', 'dropout'],
  ['devices.availability', 'availability'],
] as const;

/** A command for a shell, and whether it is the very one that made the run. */
export interface Reproduction {
  readonly command: string;
  readonly recorded: boolean;
}

/**
 * The command that makes this run again: the one that `env.json` has written down, else one with the run's settings as flags.
 * Null when neither is known.
 */
export function reproduction(run: RunRecord): Reproduction | null {
  const recorded = run.env === null ? undefined : fieldOf(run.env, 'command');
  if (Array.isArray(recorded) && recorded.length > 0 && recorded.every((word) => typeof word === 'string')) {
    return { command: recorded.map((word) => shellWord(String(word))).join(' '), recorded: true };
  }
  const task = fieldOf(run.config, 'task.name') ?? fieldOf(run.config, 'task');
  if (typeof task !== 'string') return null;
  const simulated = isSimulated(run);
  const words = ['fedloom', simulated ? 'simulate' : 'serve', '--task', shellWord(task)];
  const add = (flag: string, value: unknown): void => {
    if (typeof value === 'number' || typeof value === 'string') words.push(`--${flag}`, shellWord(String(value)));
  };
  const known = flags.filter((key) => !simulated || key !== 'minClients'); // there all clients are there
  for (const key of known)
    add(
      key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
      fieldOf(run.config, key),
    );
  for (const [path, flag] of elsewhere) add(flag, fieldOf(run.config, path));
  const strategy = strategySpec(fieldOf(run.config, 'strategy'));
  if (strategy !== null) add('strategy', strategy);
  if (fieldOf(run.config, 'devices.partialWork') === true) words.push('--partial-work');
  const secure = fieldOf(run.config, 'secureAggregation');
  if (typeof secure === 'boolean') words.push(secure ? '--secure-aggregation' : '--no-secure-aggregation');
  return { command: words.join(' '), recorded: false };
}

/** `fedadam:serverLearningRate=0.1,tau=0.001`. The population is counted by the server. */
function strategySpec(strategy: unknown): string | null {
  if (typeof strategy === 'string') return strategy;
  if (typeof strategy !== 'object' || strategy === null || !('name' in strategy)) return null;
  const { name, population: _, ...rest } = strategy as Readonly<Record<string, unknown>>;
  const options = Object.entries(rest)
    .filter(([, value]) => typeof value === 'number' || typeof value === 'string')
    .map(([key, value]) => `${key}=${String(value)}`);
  return `${String(name)}${options.length === 0 ? '' : ':'}${options.join(',')}`;
}

/** A word as a POSIX shell takes it literally. */
export const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
