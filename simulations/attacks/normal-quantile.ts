/**
 * Standard normal distribution function, by its series around 0: exact to float64's rounding for |x| up to about 6.
 * @see Abramowitz and Stegun, Handbook of Mathematical Functions, 26.2.11
 */
export function normalProbability(x: number): number {
  let term = x;
  let sum = x;
  for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(sum); k += 2) {
    term *= (x * x) / k;
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

/** The x with normalProbability(x) = p, by halving. @param p - between 1e-8 and 1 - 1e-8; beyond, the nearest of these */
export function normalQuantile(p: number): number {
  let low = -5.7;
  let high = 5.7;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (normalProbability(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
