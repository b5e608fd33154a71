import type { Random } from '../shared/random.ts';

/** Draws from the distributions that simulations need, from a seeded generator: the same seed gives the same numbers. */

/** Uniform over (0, 1), never 0 or 1: an odd multiple of 2^-53, from two draws (one bit more would round up to 1). */
export const openUniform = (random: Random): number =>
  ((random.u32() >>> 6) * 2 ** 26 + (random.u32() >>> 6) + 0.5) / 2 ** 52;

/**
 * Normal with mean 0 and standard deviation 1.
 * @see Box and Muller, A Note on the Generation of Random Normal Deviates, 1958 (the cosine half alone, so that each call
 * takes the same four draws)
 */
export const normal = (random: Random): number =>
  Math.sqrt(-2 * Math.log(openUniform(random))) * Math.cos(2 * Math.PI * openUniform(random));

/**
 * The logarithm of a Gamma(shape, 1) variable. A logarithm, since for a small shape most draws are smaller than the smallest
 * float64: at shape 0.001 one in two is below 10^-300.
 * @param shape - above 0
 * @see Marsaglia and Tsang, A Simple Method for Generating Gamma Variables, 2000: for a shape of at least 1 by rejection;
 * section 6, below 1: Gamma(shape) = Gamma(shape + 1) U^(1 / shape)
 */
export function logGamma(random: Random, shape: number): number {
  if (shape < 1) return logGamma(random, shape + 1) + Math.log(openUniform(random)) / shape;
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal(random);
    const root = 1 + c * x;
    if (root <= 0) continue;
    const v = root ** 3;
    if (Math.log(openUniform(random)) < (x * x) / 2 + d - d * v + d * Math.log(v)) return Math.log(d) + Math.log(v);
  }
}

/**
 * A point of the symmetric Dirichlet distribution: `length` shares from 0 to 1 whose sum is 1.
 * @param alpha - concentration, above 0: small gives nearly all to one, large gives equal shares
 */
export function dirichletShares(random: Random, length: number, alpha: number): Float64Array {
  const logs = Float64Array.from({ length }, () => logGamma(random, alpha));
  const most = logs.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const shares = logs.map((log) => Math.exp(log - most)); // the largest is 1, so the sum cannot be 0
  const sum = shares.reduce((a, b) => a + b, 0);
  return shares.map((share) => share / sum);
}
