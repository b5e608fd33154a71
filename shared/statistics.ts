/** Plain statistics of plain numbers. None takes missing values: who calls leaves them out, and says so. */

const sumOf = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** @param values - at least one */
export const mean = (values: readonly number[]): number => sumOf(values) / values.length;

/**
 * The value below which a part q of the sorted values lies, between two values by straight line.
 * @param sorted - at least one; ascending, or descending to count from the other end
 * @param q - 0 to 1
 * @see Hyndman, Fan: Sample Quantiles in Statistical Packages, The American Statistician 50 (1996), definition 7
 */
export function quantile(sorted: readonly number[], q: number): number {
  const place = (sorted.length - 1) * q;
  const below = Math.floor(place);
  const low = sorted[below]!;
  return low + (place - below) * ((sorted[below + 1] ?? low) - low);
}

/** @param values - at least one, in any order */
export const median = (values: readonly number[]): number =>
  quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );

/** The standard deviation of a whole population (n). @param values - at least one */
export function populationDeviation(values: readonly number[]): number {
  const middle = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
}

/** The sample's standard deviation (n - 1); null for fewer than two values, of which there is none. */
export function sampleDeviation(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const middle = mean(values);
  return Math.sqrt(sumOf(values.map((value) => (value - middle) ** 2)) / (values.length - 1));
}

/**
 * Jain's index of fairness, (sum x)^2 / (n sum x^2): 1 when all are equal, 1/n when one has everything; 1 for zeros alone.
 * @see Jain, Chiu, Hawe: A Quantitative Measure of Fairness, DEC-TR-301 (1984)
 */
export function jainIndex(values: readonly number[]): number {
  const squares = sumOf(values.map((value) => value * value));
  return squares === 0 ? 1 : sumOf(values) ** 2 / (values.length * squares);
}
