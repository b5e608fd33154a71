import { FederatedError } from '../../shared/errors.ts';

/** Client drift: how far the updates of a round's clients point apart (Karimireddy et al., SCAFFOLD, 2020, section 3.2). */

export interface Drift {
  /** Mean L2 norm of delta_k - mean delta over the cohort, in weight units: 0 where all clients agree. */
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
  const mean = new Float64Array(first.length);
  for (const delta of deltas) for (let i = 0; i < mean.length; i++) mean[i]! += delta[i]! / deltas.length;
  const meanSquare = mean.reduce((sum, x) => sum + x * x, 0);
  let distances = 0;
  let squares = 0;
  let cosines = 0;
  let moving = 0; // clients whose weights changed at all: the others have no direction
  for (const delta of deltas) {
    let distance = 0;
    let square = 0;
    let product = 0;
    for (let i = 0; i < mean.length; i++) {
      const x = delta[i]!;
      distance += (x - mean[i]!) ** 2;
      square += x * x;
      product += x * mean[i]!;
    }
    distances += Math.sqrt(distance);
    squares += square;
    if (square === 0) continue;
    moving++;
    cosines += product / Math.sqrt(square * meanSquare);
  }
  return {
    l2: distances / deltas.length,
    cosine: meanSquare === 0 ? null : cosines / moving,
    diversity: meanSquare === 0 ? null : squares / deltas.length / meanSquare,
  };
}

/** `drift/l2`, `drift/cosine`, `drift/diversity`; those that are null are left out. */
export const driftMetrics = (drift: Drift | null): Record<string, number> =>
  Object.fromEntries(
    Object.entries(drift ?? {}).flatMap(([key, value]) => (value === null ? [] : [[`drift/${key}`, value as number]])),
  );
