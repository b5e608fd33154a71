import type { Algorithm } from './algorithm.ts';

/**
 * FedProx: the client minimises F_k(w) + mu/2 |w - w_t|², so that it stays near the global model w_t however long it trains.
 * Equals FedAvg at mu = 0.
 * @see Li, Sahu, Zaheer, Sanjabi, Talwalkar, Smith, "Federated Optimization in Heterogeneous Networks", MLSys 2020, Algorithm 2.
 *   https://arxiv.org/abs/1812.06127
 */
export const proximal = ({ mu }: { readonly mu: number }): Algorithm => ({
  adjusts: mu !== 0,
  async run({ weights, train }) {
    const { delta, examples, metrics } = await train(mu === 0 ? {} : { adjust: { pull: { mu, anchor: weights } } });
    return { update: delta, examples, metrics, own: null };
  },
});
