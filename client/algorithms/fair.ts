import { learningRateAt } from '../../shared/tasks/optimizer.ts';
import { statisticSpans } from '../../shared/tasks/spans.ts';
import { FederatedError } from '../../shared/errors.ts';
import type { Algorithm } from './algorithm.ts';

/** So that a loss of zero has powers; as the authors' code has it. */
const tiny = 1e-10;

/**
 * q-FedAvg: clients with a higher loss F_k(w) at the global model weigh more. With L = 1 / eta the paper's client sends
 *   Delta_k = F_k^q L (w - y) and h_k = q F_k^(q-1) |L (w - y)|² + L F_k^q, and the server w <- w - sum Delta_k / sum h_k.
 * Here both are divided by L, which cancels: the report is F_k^q (y - w), and `fair-weight` beside it is
 *   h_k / L = q F_k^(q-1) L |y - w|² + F_k^q.
 * Running statistics are reported as they are. Equals FedAvg at q = 0. An update is as much longer as F_k^q says: `maxUpdateNorm`,
 * and under secure aggregation `coordinateBound`, must leave room for that.
 * @see Li, Sanjabi, Beirami, Smith, "Fair Resource Allocation in Federated Learning", ICLR 2020, Algorithm 2.
 *   https://arxiv.org/abs/1905.10497
 */
export const fair = ({ q }: { readonly q: number }): Algorithm => ({
  adjusts: q !== 0,
  async run({ task, round, train }) {
    const { delta, examples, metrics } = await train(q === 0 ? {} : { adjust: { measureFirst: true } });
    const loss = q === 0 ? 1 : (metrics['initial-loss'] ?? Number.NaN) + tiny;
    if (!(loss > 0)) {
      throw new FederatedError('NOT_SUPPORTED', `q-FedAvg: it weighs by losses above 0, and this one is ${loss}`);
    }
    const { clientLearningRate, schedule } = task.training;
    const eta = learningRateAt(clientLearningRate, schedule, round);
    const scale = loss ** q;
    const update = delta.map((value) => scale * value);
    const statistics = statisticSpans(task.model);
    for (const { start, end } of statistics) update.set(delta.subarray(start, end), start);
    const isStatistic = (i: number): boolean => statistics.some(({ start, end }) => start <= i && i < end);
    let squares = 0;
    for (const [i, value] of delta.entries()) if (statistics.length === 0 || !isStatistic(i)) squares += value * value;
    const weight = (q * loss ** (q - 1) * squares) / eta + scale;
    return { update, examples, metrics: { ...metrics, 'fair-weight': weight }, own: null };
  },
});
