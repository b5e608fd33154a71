/** How a figure is spread over the clients of a round. */

/**
 * The value below which a part q of the sorted values lies, between two values by straight line.
 * @param sorted - ascending, at least one
 * @param q - 0 to 1
 * @see Hyndman, Fan: Sample Quantiles in Statistical Packages, The American Statistician 50 (1996), definition 7
 */
export function quantile(sorted: readonly number[], q: number): number {
  const place = (sorted.length - 1) * q;
  const low = Math.floor(place);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low]! + (place - low) * (sorted[high]! - sorted[low]!);
}

/**
 * Jain's index of fairness, (sum x)^2 / (n sum x^2): 1 when all are equal, 1/n when one has everything; 1 for zeros alone.
 * @see Jain, Chiu, Hawe: A Quantitative Measure of Fairness, DEC-TR-301 (1984)
 */
export function jainIndex(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  const squares = values.reduce((total, value) => total + value * value, 0);
  return squares === 0 ? 1 : (sum * sum) / (values.length * squares);
}

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

function fairness(sorted: readonly number[]): Record<string, number> {
  const mean = sorted.reduce((total, value) => total + value, 0) / sorted.length;
  const variance = sorted.reduce((total, value) => total + (value - mean) ** 2, 0) / sorted.length;
  return {
    'fairness/p10': quantile(sorted, 0.1),
    'fairness/p50': quantile(sorted, 0.5),
    'fairness/p90': quantile(sorted, 0.9),
    'fairness/std': Math.sqrt(variance),
    'fairness/jain': jainIndex(sorted),
  };
}

const box = (sorted: readonly number[]): Record<string, number> => ({
  'norm/min': sorted[0]!,
  'norm/p25': quantile(sorted, 0.25),
  'norm/p50': quantile(sorted, 0.5),
  'norm/p75': quantile(sorted, 0.75),
  'norm/max': sorted.at(-1)!,
});
