import type { SumStrategy } from './strategy.ts';

/**
 * SCAFFOLD: reports hold [delta_k, change of c_k]; with the means over the reports of the round, which are `reports` of
 * `population` clients,
 *   w <- w + serverLearningRate * mean delta;  c <- c + reports / population * mean change of c_k.
 * State: c, length d, which clients are given beside the model; in whatever unit they report it. Equals FedAvg in the first round, and in all rounds in which
 * all clients take part with one local step (see client/algorithms/control-variates.ts).
 * @see Karimireddy, Kale, Mohri, Reddi, Stich, Suresh, "SCAFFOLD: Stochastic Controlled Averaging for Federated Learning",
 *   ICML 2020, Algorithm 1. https://arxiv.org/abs/1910.06378
 */
export const scaffold = ({
  serverLearningRate = 1,
  population,
}: {
  readonly serverLearningRate?: number;
  /** N: the clients of the run, of which a round has some. */
  readonly population: number;
}): SumStrategy => ({
  name: 'scaffold',
  kind: 'sum',
  vectors: 2,
  sharesState: true,
  init: (size) => new Float32Array(size),
  aggregate(state, weights, sum) {
    const d = weights.length;
    const part = Math.min(1, sum.reports / population);
    const control = new Float32Array(d);
    const next = new Float32Array(d);
    for (let i = 0; i < d; i++) {
      next[i] = weights[i]! + serverLearningRate * sum.mean(i);
      control[i] = state[i]! + part * sum.mean(d + i);
    }
    return { state: control, weights: next };
  },
});
