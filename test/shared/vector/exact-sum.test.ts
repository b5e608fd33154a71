import { expect } from 'chai';
import fc from 'fast-check';
import { seeded } from '../../../shared/random.ts';
import { ExactSum } from '../../../shared/vector/exact-sum.ts';

const bounds = { maxTerm: 2 ** 30, maxTerms: 1_000 };

/** The exact sum of float64 terms in integers, rounded once at the end: the reference. */
function exactly(terms: readonly number[]): number {
  let whole = 0n;
  for (const term of terms) whole += BigInt(term * 2 ** 200); // exact: every term here is a multiple of 2^-200
  return Number(whole) / 2 ** 200; // Number() of a BigInt rounds to nearest, ties to even
}

describe('ExactSum', () => {
  it('adds weighted vectors', () => {
    const sum = new ExactSum(2, bounds);
    sum.add(Float32Array.of(1, 0), 1);
    sum.add(Float32Array.of(5, 4), 3);
    expect([sum.at(0), sum.at(1)]).to.deep.equal([16, 12]); // 1*1 + 3*5, 1*0 + 3*4
  });

  it('has the same bits whatever the order of its terms, where float64 addition does not', () => {
    const random = seeded(1, 'exact-sum');
    const terms = Array.from({ length: 50 }, () => ({
      values: Float32Array.from({ length: 40 }, () => (random.float() - 0.5) * 10 ** (random.below(12) - 8)),
      weight: 1 + random.below(10_000),
    }));
    const bits = (order: typeof terms): Float64Array => {
      const sum = new ExactSum(40, bounds);
      for (const { values, weight } of order) sum.add(values, weight);
      return Float64Array.from({ length: 40 }, (_, i) => sum.at(i));
    };
    const naive = (order: typeof terms): Float64Array =>
      order.reduce((sum, { values, weight }) => sum.map((each, i) => each + weight * values[i]!), new Float64Array(40));
    const first = bits(terms);
    for (let i = 0; i < 20; i++) expect(bits(random.shuffled(terms))).to.deep.equal(first);
    const orders = Array.from({ length: 20 }, () => naive(random.shuffled(terms)));
    expect(orders.some((each) => each.some((value, i) => value !== orders[0]![i]))).to.equal(true);
  });

  it('is the exact sum rounded once, for any float32 values within the bounds', () => {
    const value = fc.float({ min: -1_000, max: 1_000, noNaN: true }).filter((x) => x === 0 || Math.abs(x) > 2 ** -30);
    const term = fc.record({ value, weight: fc.integer({ min: 1, max: 100_000 }) });
    fc.assert(
      fc.property(fc.array(term, { minLength: 1, maxLength: 200 }), (terms) => {
        const sum = new ExactSum(1, bounds);
        for (const { value: x, weight } of terms) sum.add(Float32Array.of(x), weight);
        const reference = exactly(terms.map(({ value: x, weight }) => weight * Math.fround(x)));
        expect(Math.abs(sum.at(0) - reference)).to.be.at.most(
          (terms.length * sum.unit) / 2 + Math.abs(reference) * 2 ** -52,
        );
      }),
      { numRuns: 500 },
    );
  });

  it('adds a part of a vector at its offset, and can be emptied', () => {
    const sum = new ExactSum(4, bounds);
    sum.add(Float32Array.of(1, 2), 2, 2);
    expect([0, 1, 2, 3].map((i) => sum.at(i))).to.deep.equal([0, 0, 2, 4]);
    sum.clear();
    expect(sum.at(3)).to.equal(0);
  });

  it('holds the largest allowed terms without overflow of its grid', () => {
    const sum = new ExactSum(1, { maxTerm: 2 ** 30, maxTerms: 1024 });
    for (let i = 0; i < 1024; i++) sum.add(Float32Array.of(2 ** 10), 2 ** 20);
    expect(sum.at(0)).to.equal(2 ** 40);
    sum.add(Float32Array.of(2 ** -20), 1);
    expect(sum.at(0)).to.equal(2 ** 40); // 2^40 + 2^-20 does not fit a float64: rounded once, to nearest
    for (let i = 0; i < 1024; i++) sum.add(Float32Array.of(-(2 ** 10)), 2 ** 20);
    expect(sum.at(0)).to.equal(2 ** -20); // and it was kept
  });
});
