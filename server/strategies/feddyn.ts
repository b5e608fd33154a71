import { stateless, type SumStrategy } from './strategy.ts';

/**
 * FedDyn: with y_k = w + delta_k the models of the round's clients, which are `reports` of `population`,
 *   h <- h - alpha * reports / population * mean delta;  w <- mean y_k - h / alpha.
 * State: h / alpha, length d. Equals FedAvg at alpha = 0, which switches off the regulariser of client and server; with
 * alpha > 0 the server's part alone nears FedAvg for a population much larger than a round.
 * @see Acar, Zhao, Matas Navarro, Mattina, Whatmough, Saligrama, "Federated Learning Based on Dynamic Regularization", ICLR
 *   2021, Algorithm 1. https://arxiv.org/abs/2111.04263
 */
export const fedDyn = ({
  alpha,
  population,
}: {
  /** Strength of the regulariser, from 0. */
  readonly alpha: number;
  /** m: the clients of the run, of which a round has some. */
  readonly population: number;
}): SumStrategy => ({
  name: 'feddyn',
  kind: 'sum',
  init: alpha === 0 ? stateless : (size) => new Float32Array(size),
  aggregate(state, weights, sum) {
    const part = Math.min(1, sum.reports / population);
    const scaled = new Float32Array(state.length);
    const next = new Float32Array(weights.length);
    for (let i = 0; i < next.length; i++) {
      const mean = sum.mean(i);
      const h = alpha === 0 ? 0 : state[i]! - part * mean;
      if (alpha !== 0) scaled[i] = h;
      next[i] = weights[i]! + mean - h;
    }
    return { state: scaled, weights: next };
  },
});
