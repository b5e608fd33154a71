import { FederatedError } from '../../shared/errors.ts';
import { jainIndex, mean, populationDeviation, quantile } from '../../shared/statistics.ts';

/** How evenly a model serves the clients: from what each measured on its own data. */

/** One client's measurement. */
export interface ClientResult {
  readonly client: string | number;
  /** That it was measured on, above 0. */
  readonly examples: number;
  /** 0 to 1; null where the task has no classes. */
  readonly accuracy: number | null;
  readonly loss: number;
}

/** Numbers of clients that count the same, whatever they have, save where it says otherwise. */
export interface ClientSpread {
  readonly clients: number;
  /** Sum of n_k x_k / sum of n_k: what one example may expect (the objective of McMahan et al. 2017). */
  readonly weightedMean: number;
  readonly mean: number;
  /** The tenth percentile from the bad end, between two clients by linear interpolation (Hyndman and Fan 1996, type 7). */
  readonly p10: number;
  /** As far from the good end. */
  readonly p90: number;
  /** Mean of the worst tenth of the clients, rounded up (T. Li et al., Fair Resource Allocation in Federated Learning, 2020). */
  readonly worst10: number;
  /** Square root of the mean squared distance from the mean. */
  readonly std: number;
  readonly min: number;
  readonly max: number;
  /** Jain's index of fairness: from 1/K, where one has all, to 1, where all have the same. */
  readonly jain: number;
}

/**
 * The spread of one value over the clients.
 * @param bad - which end is the worst: the low one of accuracies, the high one of losses
 * @returns null without a client
 * @throws FederatedError BAD_ARGUMENT for a client without examples
 */
export function spreadOf(
  results: readonly { readonly client: string | number; readonly examples: number; readonly value: number }[],
  bad: 'low' | 'high',
): ClientSpread | null {
  if (results.length === 0) return null;
  const empty = results.find(({ examples }) => !(examples > 0));
  if (empty !== undefined) {
    throw new FederatedError(
      'BAD_ARGUMENT',
      `measures: client ${empty.client} was measured on no example; leave it out`,
    );
  }
  const values = results.map(({ value }) => value);
  const ascending = values.toSorted((a, b) => a - b);
  const fromWorst = bad === 'low' ? ascending : ascending.toReversed();
  const examples = sum(results.map((result) => result.examples));
  return {
    clients: values.length,
    weightedMean: sum(results.map((result) => result.examples * result.value)) / examples,
    mean: mean(values),
    p10: quantile(fromWorst, 0.1),
    p90: quantile(fromWorst, 0.9),
    worst10: mean(fromWorst.slice(0, Math.ceil(values.length / 10))),
    std: populationDeviation(values),
    min: ascending[0]!,
    max: ascending.at(-1)!,
    jain: jainIndex(values),
  };
}

const shown = ['p10', 'p90', 'worst10', 'std', 'jain', 'min', 'max', 'mean'] as const;

/**
 * The spread as metrics: `fairness/p10`, `fairness/p90`, `fairness/worst10`, `fairness/std`, `fairness/jain`, `fairness/min`, `fairness/max`,
 * `fairness/mean` of accuracies. Where there are none, `fairness/loss-...` of losses, whose bad end is the high one.
 * Without a client there are no metrics.
 * @throws FederatedError BAD_ARGUMENT for a client without examples
 */
export function fairnessMetrics(results: readonly ClientResult[]): Record<string, number> {
  const accuracies = results.flatMap(({ client, examples, accuracy }) =>
    accuracy === null ? [] : [{ client, examples, value: accuracy }],
  );
  const isAccuracy = accuracies.length === results.length;
  const spread = isAccuracy
    ? spreadOf(accuracies, 'low')
    : spreadOf(
        results.map(({ client, examples, loss }) => ({ client, examples, value: loss })),
        'high',
      );
  if (spread === null) return {};
  const prefix = isAccuracy ? 'fairness/' : 'fairness/loss-';
  return Object.fromEntries(shown.map((key) => [`${prefix}${key}`, spread[key]]));
}

/** Federated evaluation: the means over clients, each by its examples. Null without a client. */
export function federatedEvaluation(
  results: readonly ClientResult[],
): { readonly accuracy: number | null; readonly loss: number } | null {
  const of = (pick: (result: ClientResult) => number): number =>
    spreadOf(
      results.map((result) => ({ client: result.client, examples: result.examples, value: pick(result) })),
      'low',
    )!.weightedMean;
  if (results.length === 0) return null;
  const hasAccuracy = results.every(({ accuracy }) => accuracy !== null);
  return { accuracy: hasAccuracy ? of(({ accuracy }) => accuracy!) : null, loss: of(({ loss }) => loss) };
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
