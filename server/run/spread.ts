import { jainIndex, populationDeviation, quantile } from '../../shared/statistics.ts';

/**
 * A round's metrics on how equal its clients are: `fairness/...` of their accuracies and `norm/...` of their updates' L2
 * norms. A group that fewer than two clients have told is left out: under secure aggregation no client tells either.
 */
export function spreadMetrics(
  clients: readonly { readonly accuracy: number | null; readonly norm: number | null }[],
): Record<string, number> {
  const told = (name: 'accuracy' | 'norm'): number[] =>
    clients.flatMap((client) => client[name] ?? []).toSorted((a, b) => a - b);
  const accuracies = told('accuracy').filter((value) => value >= 0 && value <= 1);
  const norms = told('norm');
  return {
    ...(accuracies.length < 2 ? {} : fairness(accuracies)),
    ...(norms.length < 2 ? {} : box(norms)),
  };
}

const fairness = (sorted: readonly number[]): Record<string, number> => ({
  'fairness/p10': quantile(sorted, 0.1),
  'fairness/p50': quantile(sorted, 0.5),
  'fairness/p90': quantile(sorted, 0.9),
  'fairness/std': populationDeviation(sorted),
  'fairness/jain': jainIndex(sorted),
});

const box = (sorted: readonly number[]): Record<string, number> => ({
  'norm/min': sorted[0]!,
  'norm/p25': quantile(sorted, 0.25),
  'norm/p50': quantile(sorted, 0.5),
  'norm/p75': quantile(sorted, 0.75),
  'norm/max': sorted.at(-1)!,
});
