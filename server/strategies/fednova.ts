import { stateless, type SumStrategy } from './strategy.ts';

/**
 * FedNova: with d_k = delta_k / tau_k the mean change of one local step of client k,
 *   w <- w + serverLearningRate * tau_eff * sum_k(n_k d_k) / sum_k(n_k), where tau_eff = sum_k(n_k tau_k) / sum_k(n_k).
 * The reports hold d_k, and tau_k as a named sum. Equals FedAvg when all clients take the same number of steps.
 * @see Wang, Liu, Liang, Joshi, Poor, "Tackling the Objective Inconsistency Problem in Heterogeneous Federated Optimization",
 *   NeurIPS 2020, equation 7. https://arxiv.org/abs/2007.07481
 */
export const fedNova = ({ serverLearningRate = 1 }: { readonly serverLearningRate?: number } = {}): SumStrategy => ({
  name: 'fednova',
  kind: 'sum',
  named: [{ name: 'local-steps', bound: 1e6 }],
  init: stateless,
  aggregate(state, weights, sum) {
    const rate = serverLearningRate * sum.namedMean('local-steps');
    const next = new Float32Array(weights.length);
    for (let i = 0; i < next.length; i++) next[i] = weights[i]! + rate * sum.mean(i);
    return { state, weights: next };
  },
});
