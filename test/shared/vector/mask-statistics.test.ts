import { expect } from 'chai';
import { utf8 } from '../../../shared/bytes.ts';
import { MaskAdder } from '../../../shared/vector/masking.ts';
import { native } from '../../helpers/primitives.ts';

/**
 * The masks as a statistician sees them. Everything is seeded, so nothing here can fail by chance; each bound is so wide that
 * a true random source would exceed it for one seed in a million or fewer (normal approximation, 5 standard deviations).
 */

const count = 200_000;
const secret = (pair: string): Uint8Array => native.sha256(utf8(pair));
/** A key as a round derives it: from the secret of a pair and the context of the round. */
const derive = (pair: string, round: number): Uint8Array =>
  native.hkdf(secret(pair), native.sha256(utf8(`round ${round}`)), utf8('mask'), 32);

function mask(key: Uint8Array, bits = 32, input = new Uint32Array(count)): Uint32Array {
  const vector = input.slice();
  new MaskAdder(vector, bits).add(key);
  return vector;
}

/** Standard deviations that a chi-square of the counts lies above or below its mean, for equally likely classes. */
function deviation(counts: readonly number[]): number {
  const total = counts.reduce((sum, each) => sum + each, 0);
  const expected = total / counts.length;
  const chiSquare = counts.reduce((sum, each) => sum + (each - expected) ** 2 / expected, 0);
  const freedom = counts.length - 1;
  return Math.abs(chiSquare - freedom) / Math.sqrt(2 * freedom);
}

function histogram(values: Iterable<number>, classes: number): number[] {
  const counts = Array.from({ length: classes }, () => 0);
  for (const value of values) counts[value]!++;
  return counts;
}

/** Pearson's correlation of two sequences, times the root of their length: standard normal for independent ones. */
function correlation(a: Uint32Array, b: Uint32Array): number {
  // Uniform on 0 .. 2^32 - 1: mean 2^31, standard deviation 2^32 / sqrt(12).
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! / 2 ** 32 - 0.5) * (b[i]! / 2 ** 32 - 0.5) * 12;
  return sum / Math.sqrt(a.length);
}

/** How far the number of ones at each bit of the words is from a half, in standard deviations; the largest. */
function imbalance(words: Uint32Array, bits: number): number {
  let worst = 0;
  for (let bit = 0; bit < bits; bit++) {
    let ones = 0;
    for (let i = 0; i < words.length; i++) ones += (words[i]! >>> bit) & 1;
    worst = Math.max(worst, Math.abs(ones - words.length / 2) / Math.sqrt(words.length / 4));
  }
  return worst;
}

const xor = (a: Uint32Array, b: Uint32Array): Uint32Array => a.map((word, i) => word ^ b[i]!);
const bytesOf = (words: Uint32Array): Uint8Array => new Uint8Array(words.buffer);

describe('masks, statistically,', () => {
  it('have uniform bytes, and a masked vector has them whatever it held', () => {
    const inputs = [0, 1, 0x7fffffff, 0xffffffff].map((word) => new Uint32Array(count).fill(word));
    for (const [i, input] of inputs.entries()) {
      const masked = mask(derive('a-b', i), 32, input);
      expect(deviation(histogram(bytesOf(masked), 256))).to.be.lessThan(5);
      expect(imbalance(masked, 32)).to.be.lessThan(5);
    }
  });

  it('are uniform modulo 2^M for smaller M', () => {
    for (const bits of [1, 8, 12, 17]) {
      const words = mask(derive('a-b', 1), bits);
      expect(
        deviation(
          histogram(
            words.map((word) => word >>> Math.max(0, bits - 10)),
            2 ** Math.min(bits, 10),
          ),
        ),
      ).to.be.lessThan(5);
      expect(imbalance(words, bits)).to.be.lessThan(5);
    }
  });

  it('do not correlate between pairs, rounds or keys that differ in one bit', () => {
    const key = derive('a-b', 1);
    const flipped = key.slice();
    flipped[31]! ^= 0x80;
    const others = [derive('a-c', 1), derive('a-b', 2), flipped];
    const own = mask(key);
    for (const other of others.map((each) => mask(each))) {
      expect(Math.abs(correlation(own, other))).to.be.lessThan(5);
      expect(deviation(histogram(bytesOf(xor(own, other)), 256))).to.be.lessThan(5);
      expect(imbalance(xor(own, other), 32)).to.be.lessThan(5);
    }
  });

  it('do not correlate with themselves further on: a word, a block, four blocks or a tile later', () => {
    const own = mask(derive('a-b', 1));
    for (const lag of [1, 2, 4, 16, 64, 16_384]) {
      const [early, late] = [own.slice(0, -lag), own.slice(lag)];
      expect(Math.abs(correlation(early, late))).to.be.lessThan(5);
      expect(deviation(histogram(bytesOf(xor(early, late)), 256))).to.be.lessThan(5);
    }
  });

  it('repeat no word more often than chance has it', () => {
    // Pairs of equal words among n of 2^32: n^2 / 2^33 = 4.66, so more than 20 are a matter of one in 10^7.
    const sorted = mask(derive('a-b', 1)).toSorted();
    let pairs = 0;
    for (let i = 1; i < sorted.length; i++) if (sorted[i] === sorted[i - 1]) pairs++;
    expect(pairs).to.be.within(1, 20);
  });
});
