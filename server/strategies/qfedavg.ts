import { FederatedError } from '../../shared/errors.ts';
import { stateless, type SumStrategy } from './strategy.ts';

/**
 * q-FedAvg: reports hold F_k^q delta_k, and h_k / L as the named sum `fair-weight` (see client/algorithms/fair.ts):
 *   w <- w + serverLearningRate * sum_k(n_k F_k^q delta_k) / sum_k(n_k h_k / L).
 * The paper picks clients with probability n_k / n and weighs them alike; here they are picked alike and weighed by n_k, or
 * alike with `weighting: 'uniform'`. Equals FedAvg at q = 0.
 * The reports shrink with F_k^q, and sums have a smallest step: with a high q and small losses they lose digits, under secure
 * aggregation, whose step is larger, from q = 1 on.
 * @throws FederatedError NOT_SUPPORTED when nothing is left of them, and the model would stand still
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
    if (h === 0) {
      throw new FederatedError(
        'NOT_SUPPORTED',
        'strategy qfedavg: the losses to the power of q are too small for a sum to hold, so the model would stand still; lower q, or end the run here',
      );
    }
    const rate = serverLearningRate / h;
    const next = new Float32Array(weights.length);
    for (let i = 0; i < next.length; i++) next[i] = weights[i]! + rate * sum.mean(i);
    return { state, weights: next };
  },
});
