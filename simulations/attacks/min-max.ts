import { statisticsOf, type Attack } from './attack.ts';

/**
 * Min-max: all attackers report mean + gamma p, where p = -deviation and gamma is the largest for which the report is no further
 * from any honest update than the two honest updates that are furthest apart, so that a rule that looks at distances sees
 * nothing. The attackers take their own honest updates for those of all.
 * @see Shejwalkar, Houmansadr, "Manipulating the Byzantine: Optimizing Model Poisoning Attacks and Defenses for Federated
 *   Learning", NDSS 2021, section IV-A, equation 8 and Algorithm 1.
 */
export const minMax = (): Attack => ({
  name: 'min-max',
  colludes: true,
  tamper(update, { coalition }) {
    const { mean, deviation } = statisticsOf(coalition);
    const gamma = largestGamma(coalition, mean, deviation);
    return update.map((_, i) => mean[i]! - gamma * deviation[i]!);
  },
});

/**
 * The largest gamma with |mean - gamma deviation - u_k| <= max_ij |u_i - u_j| for all k. Each of these is a quadratic in gamma,
 * gamma² |s|² - 2 gamma <mean - u_k, s> + |mean - u_k|² <= D², so no search is needed: the smallest of the larger roots.
 */
export function largestGamma(updates: readonly Float32Array[], mean: Float64Array, deviation: Float64Array): number {
  const diameter = Math.max(0, ...updates.flatMap((a, i) => updates.slice(i + 1).map((b) => squaredDistance(a, b))));
  const square = deviation.reduce((sum, value) => sum + value * value, 0);
  if (square === 0) return 0;
  let gamma = Infinity;
  for (const update of updates) {
    let product = 0;
    let distance = 0;
    for (let i = 0; i < mean.length; i++) {
      const difference = mean[i]! - update[i]!;
      product += difference * deviation[i]!;
      distance += difference * difference;
    }
    const root = Math.sqrt(Math.max(0, product * product + square * (diameter - distance)));
    gamma = Math.min(gamma, (product + root) / square);
  }
  return gamma;
}

function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum;
}
