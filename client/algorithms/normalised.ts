import { FederatedError } from '../../shared/errors.ts';
import { statisticSpans } from '../../shared/tasks/spans.ts';
import { accumulatedSteps, localSteps } from '../../shared/tasks/steps.ts';
import type { Algorithm } from './algorithm.ts';

/**
 * FedNova: the client reports the mean change of one local step, (y - w) / tau_k, and tau_k beside it as `local-steps`, so that
 * a client that takes many steps does not pull the model towards its own optimum. tau_k is |a_k|_1 of the paper: the number of
 * steps under plain SGD. Running statistics are reported as they are.
 * Equals FedAvg when all clients take the same number of steps.
 * @see Wang, Liu, Liang, Joshi, Poor, "Tackling the Objective Inconsistency Problem in Heterogeneous Federated Optimization",
 *   NeurIPS 2020, section 4. https://arxiv.org/abs/2007.07481
 */
export const normalised = (): Algorithm => ({
  adjusts: false,
  async run({ task, train }) {
    const { delta, examples, metrics } = await train();
    const tau = accumulatedSteps(task.training.optimizer, localSteps(task.training, examples));
    if (tau === null) {
      const { name } = task.training.optimizer;
      throw new FederatedError('NOT_SUPPORTED', `FedNova: there is no number of steps for the optimizer ${name}`);
    }
    const update = delta.map((value) => value / tau);
    for (const { start, end } of statisticSpans(task.model)) update.set(delta.subarray(start, end), start);
    return { update, examples, metrics: { ...metrics, 'local-steps': tau }, own: null };
  },
});
