import { FederatedError } from '../errors.ts';
import type { RandomBytes } from './primitives.ts';

/**
 * Shamir's secret sharing (Communications of the ACM 22(11), 1979) over GF(2^8) with the polynomial x^8 + x^4 + x^3 + x + 1
 * (0x11b, that of AES), each byte of the secret on its own. A share is the values of the polynomials at x and then x itself:
 * one byte longer than the secret, in the order in which the library `shamir-secret-sharing` has it.
 *
 * What depends on a secret is only ever multiplied by a public number (an x, or a Lagrange coefficient made of them), four
 * bytes to a word, by doublings and additions that the public number alone decides: no table is looked up at a secret index
 * and no branch depends on a secret. Fewer shares than the threshold tell nothing; a share is not authenticated, so whoever
 * combines compares the result with something public.
 */

/** x runs over the 255 elements of the field that are not 0. */
export const maxShares = 255;

/**
 * @param secret - 1 byte or more
 * @param count - n, at most 255: shares, for x = 1 .. n in this order
 * @param threshold - t, 2 .. n: shares that it takes to combine
 * @param randomBytes - cryptographic; asked once for (t - 1) * secret.length bytes
 * @throws FederatedError BAD_ARGUMENT
 */
export function split(secret: Uint8Array, count: number, threshold: number, randomBytes: RandomBytes): Uint8Array[] {
  checkCounts(secret.length, count, threshold);
  const { length } = secret;
  const random = randomBytes((threshold - 1) * length);
  if (random.length !== (threshold - 1) * length) {
    throw new FederatedError(
      'BAD_ARGUMENT',
      `shamir: asked for ${(threshold - 1) * length} random bytes, got ${random.length}`,
    );
  }
  // Coefficients from the highest power down to the secret, each padded to whole words.
  const words = Math.ceil(length / 4);
  const coefficients = new Uint32Array(threshold * words);
  const bytes = new Uint8Array(coefficients.buffer);
  for (let k = 0; k < threshold - 1; k++) bytes.set(random.subarray(k * length, (k + 1) * length), 4 * k * words);
  bytes.set(secret, 4 * (threshold - 1) * words);

  const value = new Uint32Array(words);
  const shares = Array.from({ length: count }, (_, i) => {
    const x = i + 1;
    value.fill(0);
    for (let at = 0; at < coefficients.length; at += words) {
      for (let j = 0; j < words; j++) value[j] = scale(value[j]!, x) ^ coefficients[at + j]!; // Horner
    }
    const share = new Uint8Array(length + 1);
    share.set(new Uint8Array(value.buffer, 0, length));
    share[length] = x;
    return share;
  });
  for (const secrets of [random, coefficients, value]) secrets.fill(0);
  return shares;
}

/**
 * The secret: right if there are at least as many shares as the threshold and all of them are right; else bytes that say
 * nothing. Costs O(t^2 + t * length).
 * @param shares - 2 or more, all of one length, each with an x of its own
 * @throws FederatedError BAD_SHARE
 */
export function combine(shares: readonly Uint8Array[]): Uint8Array {
  checkShares(shares);
  const length = shares[0]!.length - 1;
  const words = Math.ceil(length / 4);
  const coefficients = coefficientsAtZero(shares.map((share) => share[length]!));
  const sum = new Uint32Array(words);
  const term = new Uint32Array(words);
  const termBytes = new Uint8Array(term.buffer);
  for (const [i, share] of shares.entries()) {
    const coefficient = coefficients[i]!;
    termBytes.set(share.subarray(0, length));
    for (let j = 0; j < words; j++) sum[j] = sum[j]! ^ scale(term[j]!, coefficient);
  }
  const secret = new Uint8Array(sum.buffer).slice(0, length);
  sum.fill(0);
  term.fill(0);
  return secret;
}

/** Four elements of the field, packed into a word, times one public element. */
function scale(four: number, by: number): number {
  let product = 0;
  for (let rest = by; rest !== 0; rest >>>= 1) {
    if ((rest & 1) === 1) product ^= four;
    // Doubles each byte; one that overflows is reduced by the polynomial's low byte.
    four = ((four & 0x7f7f7f7f) << 1) ^ (((four >>> 7) & 0x01010101) * 0x1b);
  }
  return product;
}

/** Discrete logarithms to the base 3, which generates the field, and powers of 3. */
const logarithms = new Uint8Array(256);
const powers = new Uint8Array(255);
for (let i = 0, power = 1; i < 255; i++, power = scale(power, 3)) {
  powers[i] = power;
  logarithms[power] = i;
}

/**
 * The Lagrange coefficients at 0: for each i the product over j other than i of x_j / (x_j - x_i), where subtraction is
 * exclusive or. All of it is public, so tables may be looked up.
 */
function coefficientsAtZero(points: readonly number[]): number[] {
  const above = points.reduce((sum, x) => sum + logarithms[x]!, 0);
  return points.map((xi) => {
    let log = above - logarithms[xi]!;
    for (const xj of points) if (xj !== xi) log -= logarithms[xj ^ xi]!;
    return powers[((log % 255) + 255) % 255]!;
  });
}

function checkCounts(length: number, count: number, threshold: number): void {
  if (length === 0)
    throw new FederatedError('BAD_ARGUMENT', 'shamir: the secret is empty, so there is nothing to share');
  if (
    !Number.isInteger(count) ||
    !Number.isInteger(threshold) ||
    threshold < 2 ||
    count < threshold ||
    count > maxShares
  ) {
    throw new FederatedError(
      'BAD_ARGUMENT',
      `shamir: takes 2 <= threshold <= count <= ${maxShares}, got a threshold of ${threshold} and ${count} shares`,
    );
  }
}

function checkShares(shares: readonly Uint8Array[]): void {
  const length = shares[0]?.length ?? 0;
  if (shares.length < 2 || length < 2 || shares.some((share) => share.length !== length)) {
    throw new FederatedError(
      'BAD_SHARE',
      `shamir: takes at least two shares of one length of 2 bytes or more, got lengths ${shares.map((s) => s.length).join(', ') || 'of none'}`,
    );
  }
  const points = new Set(shares.map((share) => share[length - 1]!));
  if (points.size !== shares.length || points.has(0)) {
    throw new FederatedError('BAD_SHARE', 'shamir: every share needs an x of its own, from 1 to 255');
  }
}
