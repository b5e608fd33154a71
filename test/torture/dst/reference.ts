import { bytesFloats } from '../../../shared/weights.ts';

/** What one client has brought to a round, as a training has given it. */
export interface Contribution {
  readonly delta: Float32Array;
  readonly examples: number;
}

/** Every delta of the simulation is a whole number of these, so that sums are exact, and masked ones as well. */
export const gridSteps = 2 ** 17;

/**
 * The next model by the textbook: w + rate * sum(n * delta) / sum(n). The sum is made of whole numbers, without any rounding;
 * then one division, one product and one addition in float64, and one rounding to float32.
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
    const sum = reports.reduce(
      (steps, each) => steps + BigInt(weightOf(each)) * BigInt(each.delta[i]! * gridSteps),
      0n,
    );
    return weight + rate * (Number(sum) / (gridSteps * Number(total)));
  });
  return new Uint8Array(after.buffer);
}
