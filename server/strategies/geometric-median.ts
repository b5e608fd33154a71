import { combine, distancesFrom, moved } from './set-tools.ts';
import { stateless, type SetStrategy } from './strategy.ts';

/**
 * Geometric median of the updates (RFA), by the smoothed Weiszfeld algorithm: from their weighted mean z, in each of some
 * iterations,
 *   b_k = w_k / max(smoothing, |z - delta_k|);  z <- sum_k(b_k delta_k) / sum_k(b_k)
 * with w_k by the run's `weighting`; then w <- w + serverLearningRate * z. Bears less than half of the weight doing anything at
 * all, so where clients may lie about their examples the weighting should be uniform.
 * Equals FedAvg for a smoothing beyond every distance: all b_k are then in proportion to w_k.
 * @see Pillutla, Kakade, Harchaoui, "Robust Aggregation for Federated Learning", IEEE Transactions on Signal Processing 2022,
 *   Algorithm 2. https://arxiv.org/abs/1912.13445
 */
export const geometricMedian = ({
  iterations = 10,
  smoothing = 1e-6,
  serverLearningRate = 1,
}: {
  readonly iterations?: number;
  /** nu, in units of the weights */
  readonly smoothing?: number;
  readonly serverLearningRate?: number;
} = {}): SetStrategy => ({
  name: 'geometric-median',
  kind: 'set',
  leastReports: 1,
  init: stateless,
  async aggregate(state, weights, set, pause) {
    let factors = shares(Float64Array.from(set.weights));
    let z = await combine(set, factors, pause);
    for (let i = 0; i < iterations; i++) {
      const distances = await distancesFrom(z, set, pause);
      factors = shares(Float64Array.from(set.weights, (weight, k) => weight / Math.max(smoothing, distances[k]!)));
      z = await combine(set, factors, pause);
    }
    return moved(state, weights, z, serverLearningRate);
  },
});

/** Scaled so that they add up to 1. */
function shares(values: Float64Array): Float64Array {
  const sum = values.reduce((total, value) => total + value, 0);
  return values.map((value) => value / sum);
}
