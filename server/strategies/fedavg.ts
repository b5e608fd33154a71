import type { Strategy } from './strategy.ts';

/**
 * Federated averaging: w <- w + serverLearningRate * sum_k(n_k * delta_k) / sum_k(n_k), where client k trained on n_k
 * examples and delta_k is its new weights minus w. With serverLearningRate = 1 this is the weighted mean of the clients'
 * models.
 * @see McMahan, Moore, Ramage, Hampson, Agüera y Arcas, "Communication-Efficient Learning of Deep Networks from
 *   Decentralized Data", AISTATS 2017, Algorithm 1. https://arxiv.org/abs/1602.05629
 */
export const fedAvg = ({ serverLearningRate = 1 }: { readonly serverLearningRate?: number } = {}): Strategy => ({
  name: 'fedavg',
  kind: 'sum',
  init: () => new Float32Array(0),
  aggregate(state, weights, sum) {
    const next = new Float32Array(weights.length);
    for (let i = 0; i < next.length; i++) next[i] = weights[i]! + serverLearningRate * sum.mean(i);
    return { state, weights: next };
  },
});
