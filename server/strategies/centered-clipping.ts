import { combine, distancesFrom, moved } from './set-tools.ts';
import type { SetStrategy } from './strategy.ts';

/**
 * Centered clipping: from v, the aggregate of the round before (zero at first), in each of some iterations
 *   v <- v + 1/n sum_k (delta_k - v) min(1, radius / |delta_k - v|)
 * so that no client pulls it further than radius / n; then w <- w + serverLearningRate * v. State: v, length d. Each client
 * counts once. (The paper's clients send their momentum; here they send updates of several steps.)
 * Equals FedAvg with uniform weighting for a radius beyond every distance.
 * @see Karimireddy, He, Jaggi, "Learning from History for Byzantine Robust Optimization", ICML 2021, Algorithm 2.
 *   https://arxiv.org/abs/2012.10333
 */
export const centeredClipping = ({
  radius = 1,
  iterations = 3,
  serverLearningRate = 1,
}: {
  /** tau, in units of the weights */
  readonly radius?: number;
  readonly iterations?: number;
  readonly serverLearningRate?: number;
} = {}): SetStrategy => ({
  name: 'centered-clipping',
  kind: 'set',
  leastReports: 1,
  init: (size) => new Float32Array(size),
  async aggregate(state, weights, set, pause) {
    const n = set.updates.length;
    let v = Float64Array.from(state);
    for (let i = 0; i < iterations; i++) {
      const distances = await distancesFrom(v, set, pause);
      const factors = distances.map((distance) => (distance <= radius ? 1 : radius / distance) / n);
      const kept = 1 - factors.reduce((sum, factor) => sum + factor, 0);
      const pulled = await combine(set, factors, pause);
      // v + sum_k f_k (delta_k - v) = sum_k f_k delta_k + (1 - sum_k f_k) v
      v = v.map((value, at) => pulled[at]! + kept * value);
    }
    return moved(Float32Array.from(v), weights, v, serverLearningRate);
  },
});
