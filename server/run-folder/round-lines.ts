import type { ServerEvent } from '../operations.ts';
import type { StoredRound } from '../store/store.ts';

/** One line of `metrics.jsonl`: `round`, `result`, `weights`, `reports`, `seconds`, what clients measured, and `eval/...`. */
export type RoundLine = Readonly<Record<string, unknown>> & { readonly round: number };

/** Central measurements under `eval/`; what has a folder of its own, as `fairness/p10`, keeps it. */
const prefixed = (measured: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(measured).map(([key, value]) => [key.includes('/') ? key : `eval/${key}`, value]));

/**
 * Makes a line of each round from a run's events. An abandoned attempt has its line at once; a round has it when its evaluation is
 * there, or when the next begins without one.
 */
export class RoundLines {
  #open: RoundLine | null;

  constructor(open: RoundLine | null = null) {
    this.#open = open;
  }

  /** Goes on after stored rounds: the last may have died before its evaluation, so that its line waits for it. */
  static after(rounds: readonly StoredRound[]): RoundLines {
    return new RoundLines(openLine(rounds));
  }

  /** @returns the lines that are complete with this event */
  take({ type, data }: Pick<ServerEvent, 'type' | 'data'>): RoundLine[] {
    if (type === 'evaluation' && this.#open !== null) {
      const { round: _, ...measured } = data;
      this.#open = { ...this.#open, ...prefixed(measured) };
      return this.end();
    }
    const isState = type === 'run' && data['state'] !== undefined; // as when the run has ended
    if (type !== 'round' && !isState) return [];
    const done = this.end();
    if (type === 'round' && data['result'] !== undefined) {
      const { metrics, ...rest } = data;
      this.#open = { ...rest, ...(metrics as object | undefined) } as RoundLine;
      if (data['result'] === 'abandoned') return [...done, ...this.end()];
    }
    return done;
  }

  /** @returns the line of the last round, where it waited for an evaluation */
  end(): RoundLine[] {
    const line = this.#open;
    this.#open = null;
    return line === null ? [] : [line];
  }
}

/** The lines that are complete, of stored rounds. */
export const linesOf = (rounds: readonly StoredRound[]): RoundLine[] =>
  (openLine(rounds) === null ? rounds : rounds.slice(0, -1)).map(lineOf);

function openLine(rounds: readonly StoredRound[]): RoundLine | null {
  const last = rounds.at(-1);
  if (last === undefined || last.record.result === 'abandoned' || last.evaluation !== null) return null;
  return lineOf(last);
}

/** The line of one round, also of one that waits for its evaluation. */
export function lineOf({ record, evaluation, metrics }: StoredRound): RoundLine {
  const { round, attempt, result, reason, weightsAfter } = record;
  if (result === 'abandoned') return { round, attempt, result, reason };
  return {
    round,
    result,
    weights: weightsAfter,
    reports: record.reports.length,
    seconds: metrics['seconds'], // in its place in the line, as when it was written first
    ...metrics,
    ...(evaluation === null ? {} : prefixed(evaluation)),
  };
}
