import { FederatedError } from '../../shared/errors.ts';
import type { Span } from '../../shared/tasks/spans.ts';
import { sumOfSquares } from '../../shared/updates/norm.ts';
import type { Aggregated, Pause, SetStrategy, Strategy, SumStrategy, UpdateSet, UpdateSum } from './strategy.ts';

/** What became of a round's reports, as the strategy's kind needs it. */
export type RoundReports = UpdateSum | UpdateSet;

export interface Model {
  readonly state: Float32Array;
  /** length d */
  readonly weights: Float32Array;
  /** Running statistics of normalisation among the weights. */
  readonly statistics: readonly Span[];
}

/**
 * The model and state after a round. Running statistics are no parameters: whatever a `sum` strategy does, they become their
 * weighted mean over the clients, since a variance that momentum overshoots, or an adaptive step moves, may end below zero.
 * @throws FederatedError NOT_FINITE when the strategy's options let the model grow out of float32
 */
export async function nextModel(
  strategy: Strategy,
  model: Model,
  reports: RoundReports,
  pause: Pause,
): Promise<Aggregated> {
  const next =
    'updates' in reports
      ? await (strategy as SetStrategy).aggregate(model.state, model.weights, reports, pause)
      : averagingStatistics(strategy as SumStrategy, model, reports);
  if (Number.isFinite(sumOfSquares(next.weights)) && Number.isFinite(sumOfSquares(next.state))) return next;
  throw new FederatedError(
    'NOT_FINITE',
    `strategy ${strategy.name}: the next model would hold NaN or an infinity; lower its rates, or maxUpdateNorm`,
  );
}

function averagingStatistics(strategy: SumStrategy, { state, weights, statistics }: Model, sum: UpdateSum): Aggregated {
  const next = strategy.aggregate(state, weights, sum);
  for (const { start, end } of statistics) {
    for (let i = start; i < end; i++) next.weights[i] = weights[i]! + sum.mean(i);
  }
  return next;
}
