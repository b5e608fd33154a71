import { FederatedError } from '../../shared/errors.ts';
import type { Span } from '../../shared/tasks/spans.ts';
import { sumOfSquares } from '../../shared/updates/norm.ts';
import { middleOf } from './median.ts';
import { byCoordinate } from './set-tools.ts';
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
 * The model and state after a round. Running statistics are no parameters: whatever the strategy does, they become their
 * weighted mean over the clients, or their median under a `set` strategy, since a variance that a rate or momentum overshoots, or
 * an adaptive step moves, may end below zero, and the model then gives NaN.
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
      ? await withMedians(strategy as SetStrategy, model, reports, pause)
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

async function withMedians(
  strategy: SetStrategy,
  { state, weights, statistics }: Model,
  set: UpdateSet,
  pause: Pause,
): Promise<Aggregated> {
  const next = await strategy.aggregate(state, weights, set, pause);
  for (const { start, end } of statistics) {
    const part = { updates: set.updates.map((update) => update.subarray(start, end)), length: end - start };
    const medians = await byCoordinate(part, pause, middleOf);
    for (const [i, value] of medians.entries()) next.weights[start + i] = weights[start + i]! + value;
  }
  return next;
}
