import type { RoundSummary, RunView } from '../../operations.ts';

/** What follows from a run's rounds. Pure. */

const isCommitted = ({ result }: RoundSummary): boolean => result !== 'abandoned';
export const seconds = ({ startedAt, endedAt }: RoundSummary): number => (endedAt - startedAt) / 1000;

export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** How many rounds ended in which way, and how long a committed one takes. */
export function tally(rounds: readonly RoundSummary[]): {
  readonly done: number;
  readonly short: number;
  readonly abandoned: number;
  readonly median: number | null;
} {
  const of = (result: string): number => rounds.filter((round) => round.result === result).length;
  const [done, short, abandoned] = [of('done'), of('short'), of('abandoned')];
  return { done, short, abandoned, median: median(rounds.filter(isCommitted).map(seconds)) };
}

/** Seconds until the last round ends at the pace of the last ten, or null where there is no pace. */
export function secondsLeft({ round, rounds: all }: RunView, rounds: readonly RoundSummary[]): number | null {
  const recent = rounds.slice(-10);
  const ended = recent.filter(isCommitted);
  const first = recent[0];
  if (first === undefined || ended.length < 2 || round >= all) return null;
  // Abandoned attempts and the time between rounds are part of the pace.
  const pace = (recent.at(-1)!.endedAt - first.startedAt) / 1000 / ended.length;
  return pace * (all - round);
}

/** One bar of the strip: one round, or several that follow each other. */
export interface Bar {
  readonly first: RoundSummary;
  readonly last: RoundSummary;
  /** The worst of them. */
  readonly result: RoundSummary['result'];
  /** Median, s. */
  readonly seconds: number;
}

const worse = { done: 0, short: 1, abandoned: 2 } as const;

/** @param most - bars at most; more rounds are put together */
export function bars(rounds: readonly RoundSummary[], most: number): Bar[] {
  const size = Math.max(1, Math.ceil(rounds.length / most));
  const found: Bar[] = [];
  for (let at = 0; at < rounds.length; at += size) {
    const part = rounds.slice(at, at + size);
    const result = part.reduce(
      (worst, each) => (worse[each.result] > worse[worst] ? each.result : worst),
      part[0]!.result,
    );
    found.push({ first: part[0]!, last: part.at(-1)!, result, seconds: median(part.map(seconds))! });
  }
  return found;
}

/** The round with the best model: by accuracy, else by loss; null when none was measured. */
export function bestOf(rounds: readonly RoundSummary[]): RoundSummary | null {
  let best: RoundSummary | null = null;
  let top = -Infinity;
  for (const round of rounds) {
    const { accuracy, loss } = round.evaluation ?? {};
    const score = accuracy ?? (loss === undefined ? NaN : -loss);
    if (isCommitted(round) && score > top) [best, top] = [round, score];
  }
  return best;
}

/** The loss of a round's model: held out where it was measured, else the clients' own. */
export const lossOf = ({ evaluation, metrics }: RoundSummary): number | null =>
  measured(evaluation?.['loss']) ?? measured(metrics['train/loss']) ?? null;
export const accuracyOf = ({ evaluation, metrics }: RoundSummary): number | null =>
  evaluation?.['accuracy'] ?? metrics['train/accuracy'] ?? null;
/** JSON has no NaN and no infinity: what cannot be said in it is null. */
const measured = (value: number | null | undefined): number | undefined => (value === null ? NaN : value);

/**
 * The round at which the model went astray, or null: its loss is no number, or more than ten times the best before it.
 * A run that has come back to less than that is not astray any more.
 */
export function divergedAt(rounds: readonly RoundSummary[]): RoundSummary | null {
  let best = Infinity;
  let astray: RoundSummary | null = null;
  for (const round of rounds.filter(isCommitted)) {
    const loss = lossOf(round);
    if (loss === null) continue;
    if (!Number.isFinite(loss) || loss > 10 * best) astray ??= round;
    else {
      astray = null;
      best = Math.min(best, loss);
    }
  }
  return astray;
}

export interface Bin {
  /** From (inclusive), to (exclusive; the last inclusive). */
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Counts of values from `low` to `high` in bins of equal width. */
export function histogram(values: readonly number[], number: number, low: number, high: number): Bin[] {
  const width = (high - low) / number;
  const counts = Array.from({ length: number }, () => 0);
  for (const value of values) {
    if (value < low || value > high) continue;
    counts[Math.min(number - 1, Math.floor((value - low) / width))]!++;
  }
  return counts.map((count, at) => ({ from: low + at * width, to: low + (at + 1) * width, count }));
}

/** Exponential smoothing; gaps stay gaps. @param weight - of what was before, 0 to below 1 */
export function smooth(values: readonly (number | null)[], weight: number): (number | null)[] {
  let last: number | null = null;
  return values.map((value) => {
    if (value === null) return null;
    last = last === null ? value : weight * last + (1 - weight) * value;
    return last;
  });
}
