import { learningRateAt } from '../../shared/tasks/optimizer.ts';
import { statisticSpans } from '../../shared/tasks/spans.ts';
import { localSteps } from '../../shared/tasks/steps.ts';
import { ownOf, type Algorithm } from './algorithm.ts';

/**
 * SCAFFOLD: each step goes against g - c_k + c, where c estimates the gradient of all clients and c_k this client's own. After K
 * steps at rate eta from w to y (option II of the paper):
 *   c_k <- c_k - c + (w - y) / (K eta)
 * and the report is [y - w, change of c_k]: two vectors, both summed by the server. This client keeps c_k, length d.
 * All of c, c_k and its change are kept and sent times the plan's learning rate, in units of one step: then they are of the size
 * of an update, and fit within the bounds that clip and round it.
 * Running statistics have no gradient and no part in c.
 * Equals FedAvg in the first round, where c = c_k = 0; and in every round in which all clients take part with one step each,
 * since their c_k then average to c.
 * @see Karimireddy, Kale, Mohri, Reddi, Stich, Suresh, "SCAFFOLD: Stochastic Controlled Averaging for Federated Learning",
 *   ICML 2020, Algorithm 1. https://arxiv.org/abs/1910.06378
 */
export const controlVariates = (): Algorithm => ({
  adjusts: true,
  async run({ task, round, weights, control, own, train }) {
    const d = weights.length;
    const c = control ?? new Float32Array(d);
    const before = ownOf(own, d) ?? new Float32Array(d);
    const { training } = task;
    const unit = training.clientLearningRate;
    const drift = new Float32Array(d);
    for (let i = 0; i < d; i++) drift[i] = (c[i]! - before[i]!) / unit;
    const { delta, examples, metrics } = await train({ adjust: { pull: { mu: 0, drift } } });
    const eta = learningRateAt(unit, training.schedule, round);
    const scale = unit / (localSteps(training, examples) * eta);
    const update = new Float32Array(2 * d);
    update.set(delta);
    const change = update.subarray(d);
    for (let i = 0; i < d; i++) change[i] = -c[i]! - delta[i]! * scale;
    for (const { start, end } of statisticSpans(task.model)) change.fill(0, start, end);
    // By what is reported, so that the server's c stays the mean of what the clients keep.
    const after = new Float32Array(d);
    for (let i = 0; i < d; i++) after[i] = before[i]! + change[i]!;
    return { update, examples, metrics, own: after };
  },
});
