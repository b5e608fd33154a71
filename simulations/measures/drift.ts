import type { Host } from '../../server/host.ts';
import { FederatedError } from '../../shared/errors.ts';
import { sumOfSquares } from '../../shared/updates/norm.ts';
import { ExactSum } from '../../shared/vector/exact-sum.ts';

/** Client drift: how far the updates of a round's clients point apart (Karimireddy et al., SCAFFOLD, 2020, section 3.2). */

export interface Drift {
  /** Root of the mean squared L2 norm of delta_k - mean delta over the cohort, in weight units: 0 where all clients agree. */
  readonly l2: number;
  /** Mean cosine of delta_k and the mean delta: 1 where all point one way; null where the mean or every delta is 0. */
  readonly cosine: number | null;
  /**
   * Diversity of the updates, mean of ||delta_k||^2 / ||mean delta||^2: 1 where all are the same, K where they are orthogonal and
   * equally long (Yin et al., Gradient Diversity, 2018, times K); null where the mean is 0.
   */
  readonly diversity: number | null;
}

/**
 * The drift of updates that come one after the other, in any order: the same to the last bit. None of them is kept, since all
 * three numbers follow from sums: with m the mean delta, mean ||delta_k - m||^2 = mean ||delta_k||^2 - ||m||^2, and the mean cosine
 * is that of m with the mean of delta_k / ||delta_k||. Memory: 40 bytes a weight, however many updates.
 */
export class DriftSums {
  readonly length: number;
  readonly #deltas: ExactSum;
  readonly #directions: ExactSum;
  readonly #direction: Float64Array;
  /** ||delta_k||^2 of each. */
  #squares: number[] = [];

  /**
   * @param length - d
   * @param maxNorm - bound on the L2 norm of an update
   * @param maxReports - bound on the number of updates
   */
  constructor(length: number, { maxNorm, maxReports }: { readonly maxNorm: number; readonly maxReports: number }) {
    this.length = length;
    this.#deltas = new ExactSum(length, { maxTerm: maxNorm, maxTerms: maxReports });
    this.#directions = new ExactSum(length, { maxTerm: 1, maxTerms: maxReports });
    this.#direction = new Float64Array(length);
  }

  /** @param delta - length d, finite; not kept, not changed */
  add(delta: Float32Array): void {
    const square = sumOfSquares(delta);
    this.#squares.push(square);
    if (square === 0) return; // a client whose weights have not changed has no direction
    const norm = Math.sqrt(square);
    for (let i = 0; i < this.length; i++) this.#direction[i] = delta[i]! / norm;
    this.#deltas.add(delta, 1);
    this.#directions.add(this.#direction, 1);
  }

  /** @returns null without an update */
  drift(): Drift | null {
    const count = this.#squares.length;
    if (count === 0) return null;
    const moving = this.#squares.filter((square) => square > 0).length;
    let ofMean = 0;
    let product = 0;
    for (let i = 0; i < this.length; i++) {
      const mean = this.#deltas.at(i) / count;
      ofMean += mean * mean;
      product += mean * this.#directions.at(i);
    }
    const meanSquare = this.#squares.toSorted((a, b) => a - b).reduce((sum, square) => sum + square, 0) / count;
    return {
      l2: Math.sqrt(Math.max(0, meanSquare - ofMean)),
      cosine: ofMean === 0 ? null : product / moving / Math.sqrt(ofMean),
      diversity: ofMean === 0 ? null : meanSquare / ofMean,
    };
  }

  clear(): void {
    this.#deltas.clear();
    this.#directions.clear();
    this.#squares = [];
  }
}

/**
 * @param deltas - the weight changes of the cohort, each of length d
 * @returns null without a delta
 * @throws FederatedError WRONG_SHAPE unless all have the same length
 */
export function driftOf(deltas: readonly Float32Array[]): Drift | null {
  const [first] = deltas;
  if (first === undefined) return null;
  const other = deltas.find(({ length }) => length !== first.length);
  if (other !== undefined) {
    throw new FederatedError('WRONG_SHAPE', `measures: updates of ${first.length} and ${other.length} weights`);
  }
  const maxNorm = Math.sqrt(Math.max(...deltas.map(sumOfSquares))) || 1;
  const sums = new DriftSums(first.length, { maxNorm, maxReports: deltas.length });
  for (const delta of deltas) sums.add(delta);
  return sums.drift();
}

/** `drift/l2`, `drift/cosine`, `drift/diversity`; those that are null are left out. */
export const driftMetrics = (drift: Drift | null): Record<string, number> =>
  Object.fromEntries(
    Object.entries(drift ?? {}).flatMap(([key, value]) => (value === null ? [] : [[`drift/${key}`, value as number]])),
  );

/** Measures the drift of one round after the other, in the same memory. */
export function driftMeasure(): NonNullable<Host['measureUpdates']> {
  let round = 0;
  let kept: { readonly sums: DriftSums; readonly maxReports: number } | null = null;
  return ({ length, maxNorm, maxReports }) => {
    if (kept === null || kept.sums.length !== length || kept.maxReports < maxReports) {
      kept = { sums: new DriftSums(length, { maxNorm, maxReports }), maxReports };
    }
    const { sums } = kept;
    const mine = ++round;
    sums.clear();
    return {
      // What comes late belongs to an attempt that came to nothing.
      add: (update) => void (mine === round && sums.add(update)),
      metrics: () => driftMetrics(sums.drift()),
    };
  };
}
