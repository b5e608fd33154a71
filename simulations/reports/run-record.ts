import { FederatedError } from '../../shared/errors.ts';
import type { RoundResult } from '../../shared/states.ts';

/** A run as reports, comparisons and sinks see it, whether it was read from a folder or from a server. */
export interface RunRecord {
  readonly name: string;
  /** The folder, or the server's address. */
  readonly source: string;
  /** Null when nobody knows: a folder does not say whether its run is over. */
  readonly state: string | null;
  /** ms since 1970, or null when nobody knows. */
  readonly startedAt: number | null;
  readonly config: Readonly<Record<string, unknown>>;
  /** Null when it was not written down. */
  readonly env: Readonly<Record<string, unknown>> | null;
  /** Every attempt that ended, in order; abandoned ones have the number of the round that was tried again. */
  readonly rounds: readonly RunRound[];
  /** What single clients measured, where that is known. */
  readonly clients: readonly ClientLine[];
  /** What was left out or is not known, in sentences. */
  readonly notes: readonly string[];
}

export interface RunRound {
  readonly round: number;
  readonly result: RoundResult;
  /** Why it was abandoned; empty otherwise. */
  readonly reason: string;
  /** By tag: `eval/accuracy`, `train/loss`, `bytes/up` (bytes), `time/round` (s), `clients/reported`, ... All are finite. */
  readonly values: Readonly<Record<string, number>>;
  /** SHA-256 of the model after the round, where it was written down. */
  readonly weights: string | null;
  /** Tags whose value was no finite number, as after a divergence. */
  readonly missing: readonly string[];
}

export interface ClientLine {
  readonly round: number;
  readonly client: string;
  readonly values: Readonly<Record<string, number>>;
}

/** Fields of a line of `metrics.jsonl` that have a tag of another name. */
const tags: Readonly<Record<string, string>> = {
  seconds: 'time/round',
  reports: 'clients/reported',
  bytesUp: 'bytes/up',
  bytesDown: 'bytes/down',
};
/** Fields that are no measurement. */
const plain: ReadonlySet<string> = new Set(['round', 'attempt', 'result', 'reason', 'weights', 'seed', 'at']);
const results: readonly string[] = ['done', 'short', 'abandoned'] satisfies RoundResult[];

/**
 * One line of `metrics.jsonl`.
 * @param where - file and line, for errors
 * @throws FederatedError BAD_FILE naming the field
 */
export function roundOf(line: Readonly<Record<string, unknown>>, where: string): RunRound {
  const { round, result = 'done', reason = '', weights = null } = line;
  if (typeof round !== 'number' || !Number.isInteger(round) || round < 0) {
    throw new FederatedError('BAD_FILE', `${where}: round: expected a whole number, got ${JSON.stringify(round)}`);
  }
  if (typeof result !== 'string' || !results.includes(result)) {
    const message = `${where}: result: expected ${results.join(', ')}, got ${JSON.stringify(result)}`;
    throw new FederatedError('BAD_FILE', message);
  }
  const { values, missing } = valuesOf(line, where);
  return {
    round,
    result: result as RoundResult,
    reason: String(reason),
    values,
    missing,
    weights: typeof weights === 'string' ? weights : null,
  };
}

/** One line of `clients.jsonl`. @throws FederatedError BAD_FILE */
export function clientLineOf(line: Readonly<Record<string, unknown>>, where: string): ClientLine {
  const { round, client } = line;
  if (typeof round !== 'number' || (typeof client !== 'string' && typeof client !== 'number')) {
    throw new FederatedError('BAD_FILE', `${where}: expected the fields round and client`);
  }
  const { client: _, ...rest } = line;
  return { round, client: String(client), values: valuesOf(rest, where).values };
}

function valuesOf(line: Readonly<Record<string, unknown>>, where: string): Pick<RunRound, 'values' | 'missing'> {
  const values: Record<string, number> = {};
  const missing: string[] = [];
  for (const [field, value] of Object.entries(line)) {
    if (plain.has(field) || value === undefined) continue;
    const tag = tags[field] ?? field;
    if (typeof value === 'number' && Number.isFinite(value)) values[tag] = value;
    // JSON has no NaN and no infinity: they arrive as null.
    else if (value === null || typeof value === 'number') missing.push(tag);
    else if (field.includes('/') || field in tags) {
      throw new FederatedError('BAD_FILE', `${where}: ${field}: expected a number, got ${JSON.stringify(value)}`);
    }
  }
  return { values, missing };
}

/** The rounds that changed the model, each once: of a round that was written twice, as after a restart, the last counts. */
export function committed({ rounds }: Pick<RunRecord, 'rounds'>): RunRound[] {
  const byNumber = new Map<number, RunRound>();
  for (const each of rounds) if (each.result !== 'abandoned') byNumber.set(each.round, each);
  return [...byNumber.values()].toSorted((a, b) => a.round - b.round);
}

/** Every tag that some committed round has a value of, in order of first appearance. */
export const tagsOf = (run: Pick<RunRecord, 'rounds'>): string[] => [
  ...new Set(committed(run).flatMap(({ values }) => Object.keys(values))),
];

/** A field of a config by its path: `strategy.name`, `task.training.batchSize`. */
export function fieldOf(config: Readonly<Record<string, unknown>>, path: string): unknown {
  let value: unknown = config;
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}
