import { expect } from 'chai';
import fc from 'fast-check';
import { equalBytes } from '../../../shared/bytes.ts';
import { combine, split } from '../../../shared/crypto/shamir.ts';
import { reconstruct, type RevealedShare } from '../../../shared/secagg/reconstruct.ts';
import { seededBytes } from '../../helpers/secagg.ts';

/** Shares of a secret, of which some are wrong. Holder i has x = i + 1. */
function dealt(count: number, threshold: number, wrong: readonly number[], seed = 0) {
  const random = seededBytes('reconstruct', count, threshold, seed);
  const secret = random(32);
  const shares = split(secret, count, threshold, random).map((share, holder): RevealedShare => {
    // All bytes of it: errors in one byte of two shares can cancel, and then nobody can tell whose they are.
    if (wrong.includes(holder)) for (let i = 0; i < 32; i++) share[i]! ^= random(1)[0]!;
    return { holder, share };
  });
  let looks = 0;
  const isRight = (candidate: Uint8Array): boolean => {
    looks++;
    return equalBytes(candidate, secret);
  };
  return { secret, shares, isRight, looks: () => looks };
}

describe('putting a secret together', () => {
  it('takes the first shares when they are right, and says nothing of the others', () => {
    const { secret, shares, isRight, looks } = dealt(10, 7, [8]);
    expect(reconstruct(shares, 7, isRight)).to.deep.equal({ secret, wrong: [] });
    expect(looks()).to.equal(1);
  });

  it('finds the secret beside wrong shares, and whose they are', () => {
    const cases = fc
      .record({ threshold: fc.integer({ min: 2, max: 8 }), spare: fc.integer({ min: 1, max: 4 }), seed: fc.nat() })
      .chain(({ threshold, spare, seed }) =>
        fc.record({
          threshold: fc.constant(threshold),
          count: fc.constant(threshold + spare),
          seed: fc.constant(seed),
          wrong: fc.uniqueArray(fc.integer({ min: 0, max: threshold + spare - 1 }), { minLength: 1, maxLength: spare }),
        }),
      );
    fc.assert(
      fc.property(cases, ({ count, threshold, wrong, seed }) => {
        const { secret, shares, isRight } = dealt(count, threshold, wrong, seed);
        const found = reconstruct(shares, threshold, isRight);
        expect(found?.secret).to.deep.equal(secret);
        const isHidden = wrong.every((holder) => holder >= threshold); // the first subset did without them
        expect(found?.wrong).to.have.members(isHidden ? [] : wrong);
      }),
    );
  });

  it('knows of a wrong share when there is none to spare, but not the secret', () => {
    const { shares, isRight, looks } = dealt(5, 5, [3]);
    expect(reconstruct(shares, 5, isRight)).to.equal(null);
    expect(looks()).to.equal(1);
  });

  it('gives up at once when the shares agree on a secret that is not the promised one: then the dealer lies', () => {
    const { shares, looks } = dealt(30, 20, []);
    let asked = 0;
    const never = (): boolean => {
      asked++;
      return false;
    };
    expect(reconstruct(shares, 20, never)).to.equal(null);
    expect(asked).to.equal(1);
    expect(looks()).to.equal(0);
  });

  it('finds the secret also where the errors of two liars cancel, though not who they are', () => {
    const { secret, shares, isRight } = dealt(10, 8, []);
    const [one, other] = shares.map(({ share }) => share) as [Uint8Array, Uint8Array];
    const combined = (): Uint8Array => combine(shares.slice(0, 8).map(({ share }) => share));
    one[0]! ^= 1;
    for (let tries = 0; tries < 256 && !equalBytes(combined(), secret); tries++) other[0] = (other[0]! + 1) % 256;
    expect(combined()).to.deep.equal(secret);
    expect(reconstruct(shares, 8, isRight)?.secret).to.deep.equal(secret);
  });

  it('gives up in the end when too many are wrong', () => {
    const { shares, isRight, looks } = dealt(6, 4, [0, 1, 2]);
    expect(reconstruct(shares, 4, isRight)).to.equal(null);
    expect(looks()).to.equal(15); // every subset of four of six, once
    const many = dealt(
      30,
      20,
      Array.from({ length: 11 }, (_, i) => i),
    );
    expect(reconstruct(many.shares, 20, many.isRight)).to.equal(null);
    expect(many.looks()).to.equal(1000);
  });

  it('does without those who were wrong before, as far as it can', () => {
    const wrong = [0, 1, 2, 3, 4, 5];
    const { secret, shares, isRight, looks } = dealt(30, 20, wrong);
    expect(reconstruct(shares, 20, isRight, new Set(wrong))?.secret).to.deep.equal(secret);
    expect(looks()).to.equal(1);
  });

  it('finds a new wrong share beside known ones', () => {
    const wrong = [0, 1, 2, 3, 4, 5, 6];
    const { secret, shares, isRight, looks } = dealt(30, 20, wrong);
    const found = reconstruct(shares, 20, isRight, new Set(wrong.slice(1)));
    expect(found?.secret).to.deep.equal(secret);
    expect(found?.wrong).to.have.members(wrong);
    // Of 24 shares that nobody suspects, 20 without the one: 4 / 24 of the subsets; by chance alone 0.2 %.
    expect(looks()).to.be.lessThan(100);
  });

  it('comes back to a suspect who is needed', () => {
    // Five of six are needed; holder 0 is wrong, and 1 and 2 were suspected for a dealer's fault.
    const { secret, shares, isRight } = dealt(6, 5, [0]);
    expect(reconstruct(shares, 5, isRight, new Set([1, 2]))?.secret).to.deep.equal(secret);
  });
});
