import { FederatedError } from '../../shared/errors.ts';
import type { Aggregated, Pause, UpdateSet } from './strategy.ts';

/** What the rules over single updates share. They work on a part of the coordinates at a time, and copy no update. */

/** About a millisecond or a few of work: what is done between two pauses. */
const workBetweenPauses = 1 << 19;

/**
 * Calls `part` for stretches of coordinates, one after the other.
 * @param cost - operations for one coordinate
 */
export async function inParts(
  length: number,
  cost: number,
  pause: Pause,
  part: (start: number, end: number) => void,
): Promise<void> {
  const step = Math.max(16, Math.floor(workBetweenPauses / Math.max(1, cost)));
  for (let start = 0; start < length; start += step) {
    if (start > 0) await pause();
    part(start, Math.min(length, start + step));
  }
}

/**
 * A vector made coordinate by coordinate.
 * @param rule - of the n values of one coordinate in ascending order, which it may overwrite
 * @returns length d, in float64
 */
export async function byCoordinate(
  { updates, length }: Pick<UpdateSet, 'updates' | 'length'>,
  pause: Pause,
  rule: (sorted: Float64Array) => number,
): Promise<Float64Array> {
  const n = updates.length;
  const result = new Float64Array(length);
  const values = new Float64Array(n);
  await inParts(length, n * (8 + Math.log2(n + 1)), pause, (start, end) => {
    for (let i = start; i < end; i++) {
      for (let k = 0; k < n; k++) values[k] = updates[k]![i]!;
      sort(values);
      result[i] = rule(values);
    }
  });
  return result;
}

/** Insertion beats the library's sort, which is called a million times, as long as there are few values. */
function sort(values: Float64Array): void {
  if (values.length > 64) {
    values.sort();
    return;
  }
  for (let i = 1; i < values.length; i++) {
    const value = values[i]!;
    let at = i;
    while (at > 0 && values[at - 1]! > value) {
      values[at] = values[at - 1]!;
      at--;
    }
    values[at] = value;
  }
}

export const meanOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Squared distances between all updates, in float64: n rows of n. */
export async function squaredDistances({ updates, length }: UpdateSet, pause: Pause): Promise<Float64Array[]> {
  const n = updates.length;
  const squares = Array.from({ length: n }, () => new Float64Array(n));
  await inParts(length, (n * n) / 2, pause, (start, end) => {
    for (let a = 1; a < n; a++) {
      for (let b = 0; b < a; b++) squares[a]![b]! += squaredDistance(updates[a]!, updates[b]!, start, end);
    }
  });
  for (let a = 0; a < n; a++) for (let b = 0; b < a; b++) squares[b]![a] = squares[a]![b]!;
  return squares;
}

/** Of the coordinates from `start` to `end` (exclusive). */
function squaredDistance(a: Float32Array, b: Float32Array, start: number, end: number): number {
  let sum = 0;
  for (let i = start; i < end; i++) {
    const difference = a[i]! - b[i]!;
    sum += difference * difference;
  }
  return sum;
}

/** Distances of all updates from a point, in float64. */
export async function distancesFrom(
  point: Float64Array,
  { updates, length }: UpdateSet,
  pause: Pause,
): Promise<Float64Array> {
  const squares = new Float64Array(updates.length);
  await inParts(length, updates.length, pause, (start, end) => {
    for (const [k, update] of updates.entries()) {
      let sum = 0;
      for (let i = start; i < end; i++) sum += (update[i]! - point[i]!) ** 2;
      squares[k]! += sum;
    }
  });
  return squares.map(Math.sqrt);
}

/** sum_k(factor_k * update_k), in float64, length d. */
export async function combine(
  { updates, length }: Pick<UpdateSet, 'updates' | 'length'>,
  factors: ArrayLike<number>,
  pause: Pause,
): Promise<Float64Array> {
  const sum = new Float64Array(length);
  await inParts(length, updates.length, pause, (start, end) => {
    for (const [k, update] of updates.entries()) {
      const factor = factors[k]!;
      if (factor !== 0) for (let i = start; i < end; i++) sum[i]! += factor * update[i]!;
    }
  });
  return sum;
}

/** The mean of the updates at these places. */
export const meanAt = (set: UpdateSet, places: readonly number[], pause: Pause): Promise<Float64Array> =>
  combine(
    { updates: places.map((place) => set.updates[place]!), length: set.length },
    places.map(() => 1 / places.length),
    pause,
  );

/** w + rate * update */
export function moved(
  state: Float32Array,
  weights: Float32Array,
  update: Float64Array,
  serverLearningRate: number,
): Aggregated {
  const next = new Float32Array(weights.length);
  for (let i = 0; i < next.length; i++) next[i] = weights[i]! + serverLearningRate * update[i]!;
  return { state, weights: next };
}

/** @throws FederatedError TOO_FEW_REPORTS */
export function needReports(name: string, { updates }: UpdateSet, least: number): void {
  if (updates.length >= least) return;
  throw new FederatedError('TOO_FEW_REPORTS', `strategy ${name}: it needs ${least} reports, and has ${updates.length}`);
}
