/** Cutting a list into pieces: equal ones, ones of given sizes, and sizes in proportion to weights. */

/** `parts` pieces whose lengths differ by one at most. */
export const cutEvenly = (items: Uint32Array, parts: number): Uint32Array[] =>
  Array.from({ length: parts }, (_, part) =>
    items.subarray(Math.floor((part * items.length) / parts), Math.floor(((part + 1) * items.length) / parts)),
  );

/** Pieces of the given sizes, from the start; what is over is left out. */
export function cutBySizes(items: Uint32Array, sizes: readonly number[]): Uint32Array[] {
  let from = 0;
  return sizes.map((size) => items.subarray(from, (from += size)));
}

/**
 * Whole sizes in proportion to weights, whose sum is `total`: each its share rounded down, what is over to the largest
 * remainders (Hamilton 1792), and then who has less than `least` is given it from the largest.
 * @param weights - at least 0, not all 0
 * @param total - at least weights.length * least
 */
export function apportion(weights: ArrayLike<number>, total: number, least: number): number[] {
  const sum = Array.from(weights).reduce((a, b) => a + b, 0);
  const shares = Array.from(weights, (weight) => (weight / sum) * total);
  // An exact share may come out a hair below its whole number: 0.7 * 10 is not 7 everywhere.
  const sizes = shares.map((share) => Math.floor(share + 1e-9));
  const over = total - sizes.reduce((a, b) => a + b, 0);
  const byRemainder = Array.from(sizes.keys()).toSorted(
    (a, b) => shares[b]! - sizes[b]! - (shares[a]! - sizes[a]!) || a - b,
  );
  for (let i = 0; i < over; i++) sizes[byRemainder[i % sizes.length]!]!++;
  for (const [i, size] of sizes.entries()) {
    if (size >= least) continue;
    sizes[i] = least;
    for (let missing = least - size; missing > 0; missing--) sizes[largestOf(sizes)]!--;
  }
  return sizes;
}

const largestOf = (sizes: readonly number[]): number =>
  sizes.reduce((best, size, i) => (size > sizes[best]! ? i : best), 0);
