/** Draws without replacement: `sampled` of `total` things, of which `marked` are marked. All are integers. */
export interface Draw {
  readonly total: number;
  readonly marked: number;
  readonly sampled: number;
}

/** ln n! for an integer n >= 0; Stirling's series from 32 on, where its first left-out term is below 1e-15. */
export function logFactorial(n: number): number {
  if (n < 32) {
    let product = 1; // exact up to 18!, then rounded once a step
    for (let i = 2; i <= n; i++) product *= i;
    return Math.log(product);
  }
  const inverse = 1 / n;
  const square = inverse * inverse;
  const series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)));
  return n * Math.log(n) - n + 0.5 * Math.log(2 * Math.PI * n) + series;
}

const logChoose = (n: number, k: number): number => logFactorial(n) - logFactorial(k) - logFactorial(n - k);

/**
 * The largest r with P(X <= r) < chance, where X counts the marked things drawn; one less than the smallest possible X when
 * already that is likelier. Summed from the thin end of the tail, in logarithms, so that chances like 1e-25 keep their digits.
 */
export function largestBelow(chance: number, { total, marked, sampled }: Draw): number {
  const smallest = Math.max(0, marked + sampled - total);
  const largest = Math.min(sampled, marked);
  let log = logChoose(marked, smallest) + logChoose(total - marked, sampled - smallest) - logChoose(total, sampled);
  let cumulated = Math.exp(log);
  let x = smallest;
  while (cumulated < chance && x < largest) {
    log += Math.log(((marked - x) / (x + 1)) * ((sampled - x) / (total - marked - sampled + x + 1)));
    x++;
    cumulated += Math.exp(log);
  }
  return cumulated < chance ? x : x - 1;
}
