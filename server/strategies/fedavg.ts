import { stateless, type SumStrategy } from './strategy.ts';

/**
 * Federated averaging: w <- w + serverLearningRate * sum_k(n_k * delta_k) / sum_k(n_k), where client k trained on n_k
 * examples and delta_k is its new weights minus w. With serverLearningRate = 1 this is the weighted mean of the clients'
 * models.
 *
 * Also the server's half of what differs on the clients alone:
 * - `fedsgd`: one step with all examples on each client, FedAvg at E = 1 and B = full (`clientPart` sets both): delta_k is then
 *   -clientLearningRate times the gradient of client k, so the round is one step of gradient descent on all data.
 * - `fedprox`, `fedbn`, `fedper`, `fedrep`, `ditto`: see client/algorithms.
 * - `norm-bounding`: delta_k is first scaled by min(1, clippingNorm / |delta_k|), so that no client moves the model further than
 *   any other may (Sun, Kairouz, Suresh, McMahan, "Can You Really Backdoor Federated Learning?", 2019, section 4,
 *   https://arxiv.org/abs/1911.07963). Equals FedAvg when no update is longer than `clippingNorm`.
 * @see McMahan, Moore, Ramage, Hampson, Agüera y Arcas, "Communication-Efficient Learning of Deep Networks from
 *   Decentralized Data", AISTATS 2017, Algorithm 1. https://arxiv.org/abs/1602.05629
 */
export const fedAvg = ({
  name = 'fedavg',
  serverLearningRate = 1,
  clippingNorm,
}: {
  readonly name?: string;
  readonly serverLearningRate?: number;
  readonly clippingNorm?: number;
} = {}): SumStrategy => ({
  name,
  kind: 'sum',
  ...(clippingNorm === undefined ? {} : { clippingNorm }),
  init: stateless,
  aggregate(state, weights, sum) {
    const next = new Float32Array(weights.length);
    for (let i = 0; i < next.length; i++) next[i] = weights[i]! + serverLearningRate * sum.mean(i);
    return { state, weights: next };
  },
});
