import { ownOf, type Algorithm } from './algorithm.ts';

/**
 * Ditto: the global model is trained as by FedAvg; beside it each client keeps a model v of its own and moves it to minimise
 * F_k(v) + lambda/2 |v - w_t|², as long as it trains the global one. Larger lambda: nearer to the global model.
 * The global model equals FedAvg's at every lambda.
 * @see Li, Hu, Beirami, Smith, "Ditto: Fair and Robust Federated Learning Through Personalization", ICML 2021, Algorithm 1.
 *   https://arxiv.org/abs/2012.04221
 */
export const personalModel = ({ lambda }: { readonly lambda: number }): Algorithm => ({
  adjusts: true,
  async run({ weights, own, train }) {
    const { delta, examples, metrics } = await train();
    const begin = ownOf(own, weights.length) ?? weights;
    const adjust = { pull: { mu: lambda, anchor: weights } };
    const personal = await train({ weights: begin, adjust, name: 'personal' });
    const after = begin.map((value, i) => value + personal.delta[i]!);
    return {
      update: delta,
      examples,
      metrics: { ...metrics, 'personal-loss': personal.metrics['loss'] ?? 0 },
      own: after,
    };
  },
  personal: (_, weights, own) => ownOf(own, weights.length) ?? weights.slice(),
});
