import { statisticSpans } from '../../shared/tasks/spans.ts';
import { ownOf, type Algorithm } from './algorithm.ts';

/**
 * FedDyn: the client minimises F_k(w) - <g_k, w> + alpha/2 |w - w_t|², where g_k estimates its gradient at the end of its last
 * round, so that what all clients minimise has the stationary points of the global loss. After training from w_t to y:
 *   g_k <- g_k - alpha (y - w_t)
 * This client keeps g_k, length d. Equals FedAvg at alpha = 0.
 * @see Acar, Zhao, Matas Navarro, Mattina, Whatmough, Saligrama, "Federated Learning Based on Dynamic Regularization", ICLR
 *   2021, Algorithm 1. https://arxiv.org/abs/2111.04263
 */
export const dynamic = ({ alpha }: { readonly alpha: number }): Algorithm => ({
  adjusts: alpha !== 0,
  async run({ task, weights, own, train }) {
    if (alpha === 0) {
      const { delta, examples, metrics } = await train();
      return { update: delta, examples, metrics, own: null };
    }
    const d = weights.length;
    const gradient = ownOf(own, d) ?? new Float32Array(d);
    const pull = { mu: alpha, anchor: weights, drift: gradient.map((value) => -value) };
    const { delta, examples, metrics } = await train({ adjust: { pull } });
    const after = new Float32Array(d);
    for (let i = 0; i < d; i++) after[i] = gradient[i]! - alpha * delta[i]!;
    for (const { start, end } of statisticSpans(task.model)) after.fill(0, start, end);
    return { update: delta, examples, metrics, own: after };
  },
});
