import { stateless, type SumStrategy } from './strategy.ts';

/**
 * q-FedAvg: reports hold F_k^q delta_k, and h_k / L as the named sum `fair-weight` (see client/algorithms/fair.ts):
 *   w <- w + serverLearningRate * sum_k(n_k F_k^q delta_k) / sum_k(n_k h_k / L).
 * The paper picks clients with probability n_k / n and weighs them alike; here they are picked alike and weighed by n_k, or
 * alike with `weighting: 'uniform'`. Equals FedAvg at q = 0.
 * @see Li, Sanjabi, Beirami, Smith, "Fair Resource Allocation in Federated Learning", ICLR 2020, Algorithm 2.
 *   https://arxiv.org/abs/1905.10497
 */
export const qFedAvg = ({ serverLearningRate = 1 }: { readonly serverLearningRate?: number } = {}): SumStrategy => ({
  name: 'qfedavg',
  kind: 'sum',
  named: [{ name: 'fair-weight', bound: 1e6 }],
  init: stateless,
  aggregate(state, weights, sum) {
    const h = sum.namedMean('fair-weight');
    const rate = h > 0 ? serverLearningRate / h : 0; // no client has anything to gain
    const next = new Float32Array(weights.length);
    for (let i = 0; i < next.length; i++) next[i] = weights[i]! + rate * sum.mean(i);
    return { state, weights: next };
  },
});
