import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { Prg } from '../../../shared/crypto/prg.ts';
import { combine, maxShares, split } from '../../../shared/crypto/shamir.ts';
import { codeOf } from '../../helpers/primitives.ts';
import { gf256Products } from '../../vectors/crypto.ts';

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
/** Gives just these bytes: the coefficients, from the highest power down. */
const fixed =
  (...bytes: number[]) =>
  (): Uint8Array =>
    Uint8Array.from(bytes);
const valuesOf = (shares: readonly Uint8Array[]): number[] => shares.map((share) => share[0]!);

/** Product in GF(2^8) as polynomials are multiplied and divided by hand. */
function product(a: number, b: number): number {
  let whole = 0;
  for (let bit = 0; bit < 8; bit++) if (((b >> bit) & 1) === 1) whole ^= a << bit;
  for (let degree = 14; degree >= 8; degree--) if (((whole >> degree) & 1) === 1) whole ^= 0x11b << (degree - 8);
  return whole;
}

function subsets<T>(items: readonly T[]): T[][] {
  return items.reduce<T[][]>((all, item) => [...all, ...all.map((some) => [...some, item])], [[]]);
}

describe('Shamir sharing over GF(2^8)', () => {
  it('multiplies as FIPS 197, section 4.2, does', () => {
    for (const { a, b, product: expected } of gf256Products) {
      // f(x) = 0 + a * x at x = b
      expect(split(Uint8Array.of(0), b, 2, fixed(a))[b - 1]).to.deep.equal(Uint8Array.of(expected, b));
      expect(product(a, b)).to.equal(expected);
    }
  });

  it('agrees with small cases worked by hand', () => {
    // f(x) = 2a + 01 x: 2a ^ 1, 2a ^ 2, 2a ^ 3
    expect(split(Uint8Array.of(0x2a), 3, 2, fixed(1))).to.deep.equal(
      [Uint8Array.of(0x2b, 1), Uint8Array.of(0x28, 2), Uint8Array.of(0x29, 3)], //
    );
    // f(x) = 53 + 02 x + 01 x^2; 2 * 2 = 4, 3 * 3 = 5, 2 * 3 = 6:
    // f(1) = 53 ^ 02 ^ 01 = 50, f(2) = 53 ^ 04 ^ 04 = 53, f(3) = 53 ^ 06 ^ 05 = 50
    expect(valuesOf(split(Uint8Array.of(0x53), 3, 3, fixed(1, 2)))).to.deep.equal([0x50, 0x53, 0x50]);
    // The line through (1, 03) and (2, 05): 03 * 2 / (2 ^ 1) + 05 * 1 / (1 ^ 2) = (06 ^ 05) / 3 = 3 / 3 = 1
    expect(combine([Uint8Array.of(3, 1), Uint8Array.of(5, 2)])).to.deep.equal(Uint8Array.of(1));
  });

  it('gives the values of the polynomials at x = 1, 2, ..., with x behind them', () =>
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 40 }),
        fc.integer({ min: 2, max: 6 }),
        fc.integer({ min: 0, max: 249 }),
        (secret, threshold, more) => {
          let coefficients = new Uint8Array();
          const shares = split(secret, threshold + more, threshold, (length) => {
            coefficients = random(length) as Uint8Array<ArrayBuffer>;
            return coefficients.slice();
          });
          for (const [i, share] of shares.entries()) {
            expect([share.length, share[secret.length]]).to.deep.equal([secret.length + 1, i + 1]);
            for (const at of [0, secret.length - 1]) {
              let value = 0;
              for (let k = 0; k < threshold - 1; k++)
                value = product(value, i + 1) ^ coefficients[k * secret.length + at]!;
              expect(share[at]).to.equal(product(value, i + 1) ^ secret[at]!);
            }
          }
        },
      ),
      { numRuns: 30 },
    ));

  it('gives the secret back to every subset of at least the threshold, in any order, and to no smaller one', () => {
    for (const [count, threshold] of [
      [2, 2],
      [5, 2],
      [6, 4],
      [7, 7],
    ] as const) {
      const secret = random(32);
      const shares = split(secret, count, threshold, random);
      for (const some of subsets(shares).filter((each) => each.length >= 2)) {
        const combined = combine(some.toReversed());
        if (some.length >= threshold) expect(combined).to.deep.equal(secret);
        else expect(combined).not.to.deep.equal(secret);
      }
    }
  });

  it('gives it back at the sizes of a round, up to 255 shares', () => {
    for (const [count, threshold] of [
      [33, 22],
      [100, 67],
      [maxShares, 171],
      [maxShares, maxShares],
    ] as const) {
      const secret = random(32);
      const shares = split(secret, count, threshold, random);
      expect(combine(shares.slice(-threshold))).to.deep.equal(secret);
      expect(combine(shares.slice(1 - threshold))).not.to.deep.equal(secret);
    }
  });

  it('tells nothing below the threshold: any values of two shares fit any secret in just one way', () => {
    for (const secret of [0, 1, 0xa7]) {
      const seen = new Uint8Array(65_536);
      for (let coefficients = 0; coefficients < 65_536; coefficients++) {
        const shares = split(Uint8Array.of(secret), 5, 3, fixed(coefficients >> 8, coefficients & 0xff));
        seen[(shares[1]![0]! << 8) | shares[4]![0]!]!++;
      }
      expect(seen.every((count) => count === 1)).to.equal(true);
    }
  });

  it('gives another secret when a byte of a share is changed, as the caller has to find out', () => {
    const secret = random(32);
    const shares = split(secret, 5, 3, random).slice(2);
    shares[1]![7]! ^= 1;
    const combined = combine(shares);
    expect([...combined].flatMap((byte, i) => (byte === secret[i] ? [] : [i]))).to.deep.equal([7]);
  });

  it('writes zeros over the coefficients when the shares are made', () => {
    let drawn = new Uint8Array();
    split(random(32), 4, 3, (length) => {
      drawn = random(length) as Uint8Array<ArrayBuffer>;
      return drawn;
    });
    expect(drawn).to.deep.equal(new Uint8Array(64));
  });

  it('repeats with the same coefficients', () => {
    const secret = new Uint8Array(32).fill(3);
    const seeded = (length: number): Uint8Array => {
      const words = new Uint32Array(length / 4);
      new Prg(secret).fill(words);
      return new Uint8Array(words.buffer);
    };
    expect(split(secret, 9, 5, seeded)).to.deep.equal(split(secret, 9, 5, seeded));
  });

  it('refuses counts, thresholds and secrets that make no sense, and generators that give too little', () => {
    const one = Uint8Array.of(1);
    for (const [secret, count, threshold] of [
      [new Uint8Array(), 3, 2],
      [one, 3, 1],
      [one, 3, 0],
      [one, 2, 3],
      [one, 256, 2],
      [one, 3, 2.5],
      [one, 3.5, 2],
      [one, Number.NaN, 2],
    ] as const) {
      expect(codeOf(() => split(secret, count, threshold, random))).to.equal('BAD_ARGUMENT');
    }
    expect(codeOf(() => split(one, 3, 2, () => new Uint8Array()))).to.equal('BAD_ARGUMENT');
  });

  it('refuses shares of different lengths, without an x of their own, too short or too few', () => {
    const [a, b] = split(random(32), 3, 2, random);
    for (const shares of [
      [],
      [a!],
      [a!, a!],
      [a!, b!.subarray(1)],
      [a!, b!.slice().fill(0, 32)],
      [Uint8Array.of(1), Uint8Array.of(2)],
      [new Uint8Array(), new Uint8Array()],
    ]) {
      expect(codeOf(() => combine(shares))).to.equal('BAD_SHARE');
    }
  });
});
