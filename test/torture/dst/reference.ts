import { bytesFloats } from '../../../shared/weights.ts';

/** What one client has brought to a round, as a training has given it. */
export interface Contribution {
  readonly delta: Float32Array;
  readonly examples: number;
  /** In an asynchronous run: what its delta is multiplied by, 0 to 1. */
  readonly factor?: number;
}

/** Every delta of the simulation is a whole number of these, so that sums are exact, and masked ones as well. */
export const gridSteps = 2 ** 17;

/** Steps of 2^-60 in one of the grid. */
const fine = 2n ** 60n / BigInt(gridSteps);

/**
 * The next model by the textbook: w + rate * sum(n * delta) / sum(n). The sum is made of whole numbers, without any rounding;
 * then one division, one product and one addition in float64, and one rounding to float32. A delta with a factor is rounded to
 * float32 and to a grid of 2^-60, so that the model is right up to its last digits.
 * @see McMahan et al. 2017, Algorithm 1
 */
export function referenceModel(
  before: Uint8Array,
  reports: readonly Contribution[],
  { weighting, rate }: { readonly weighting: 'examples' | 'uniform'; readonly rate: number },
): Uint8Array {
  const weights = bytesFloats(new Uint8Array(before));
  const weightOf = ({ examples }: Contribution): number => (weighting === 'examples' ? examples : 1);
  const total = reports.reduce((sum, each) => sum + BigInt(weightOf(each)), 0n);
  const after = weights.map((weight, i) => {
    const stepsOf = ({ delta, factor = 1 }: Contribution): bigint =>
      factor === 1 ? BigInt(delta[i]! * gridSteps) * fine : BigInt(Math.round(delta[i]! * factor * 2 ** 60));
    const sum = reports.reduce((steps, each) => steps + BigInt(weightOf(each)) * stepsOf(each), 0n);
    return weight + rate * (Number(sum) / (2 ** 60 * Number(total)));
  });
  return new Uint8Array(after.buffer);
}
