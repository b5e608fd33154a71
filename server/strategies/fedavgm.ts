import type { SumStrategy } from './strategy.ts';

/**
 * Federated averaging with server momentum: v <- serverMomentum * v + mean delta; w <- w + serverLearningRate * v.
 * State: v, length d. Equals FedAvg at serverMomentum = 0.
 * @see Hsu, Qi, Brown, "Measuring the Effects of Non-Identical Data Distribution for Federated Visual Classification", 2019,
 *   section 4.3. https://arxiv.org/abs/1909.06335
 */
export const fedAvgM = ({
  serverLearningRate = 1,
  serverMomentum = 0.9,
}: { readonly serverLearningRate?: number; readonly serverMomentum?: number } = {}): SumStrategy => ({
  name: 'fedavgm',
  kind: 'sum',
  init: (size) => new Float32Array(size),
  aggregate(state, weights, sum) {
    const velocity = new Float32Array(weights.length);
    const next = new Float32Array(weights.length);
    for (let i = 0; i < next.length; i++) {
      const v = serverMomentum * state[i]! + sum.mean(i);
      velocity[i] = v;
      next[i] = weights[i]! + serverLearningRate * v;
    }
    return { state: velocity, weights: next };
  },
});
