import { expect } from 'chai';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { seeded } from '../../shared/random.ts';

/** xoshiro128** as its authors define it, in exact 64-bit arithmetic, seeded as `seeded` says. */
function reference(...path: (string | number)[]): () => number {
  const seed = createHash('sha256').update(JSON.stringify(path)).digest();
  const s = [0, 4, 8, 12].map((offset) => BigInt(seed.readUInt32LE(offset))) as [bigint, bigint, bigint, bigint];
  s[3] |= 1n;
  const word = (x: bigint): bigint => x & 0xffff_ffffn;
  const rotl = (x: bigint, k: bigint): bigint => word((x << k) | (x >> (32n - k)));
  return () => {
    const result = word(rotl(word(s[1] * 5n), 7n) * 9n);
    const t = word(s[1] << 9n);
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 11n);
    return Number(result);
  };
}

describe('seeded', () => {
  it('is xoshiro128** (Blackman and Vigna, 2018)', () => {
    const random = seeded(7, 'client', 3);
    const expected = reference(7, 'client', 3);
    for (let i = 0; i < 1_000; i++) expect(random.u32()).to.equal(expected());
  });

  it('gives the same numbers for the same path, and others for another', () => {
    const first = (...path: (string | number)[]): number[] => {
      const random = seeded(...path);
      return Array.from({ length: 4 }, () => random.u32());
    };
    expect(first(7, 'client', 3)).to.deep.equal(first(7, 'client', 3));
    const paths = [[7, 'client', 3], [7, 'client', 4], [7, 'client3'], [8, 'client', 3], ['7', 'client', 3], []];
    expect(new Set(paths.map((path) => first(...path).join())).size).to.equal(paths.length);
  });

  it('gives fractions from 0 to below 1, spread evenly', () => {
    const random = seeded('fractions');
    const counts = Array.from({ length: 10 }, () => 0);
    for (let i = 0; i < 100_000; i++) counts[Math.floor(random.float() * 10)]!++;
    // Chi-squared with 9 degrees of freedom: above 27.88 in one of 1,000 seeds. This seed is fixed.
    expect(counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0)).to.be.below(27.88);
    expect(counts).to.have.length(10);
  });

  it('stays below its limit, up to 2^32', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 32 }), fc.integer(), (limit, seed) => {
        const value = seeded(seed).below(limit);
        expect(value).to.be.at.least(0).and.below(limit);
        expect(Number.isInteger(value)).to.equal(true);
      }),
    ));

  it('rejects the tail that would favour small numbers', () => {
    // 2^32 = 1 * 3,000,000,000 + 1,294,967,296: without rejection, 60% instead of 43% of the values would be below that.
    const random = seeded('tail');
    let low = 0;
    for (let i = 0; i < 10_000; i++) if (random.below(3_000_000_000) < 1_294_967_296) low++;
    expect(low / 10_000).to.be.within(0.41, 0.45); // 0.4317, standard deviation 0.005
  });

  it('permutes 0 .. length - 1, each order equally often', () => {
    const random = seeded('orders');
    const counts = new Map<string, number>();
    for (let i = 0; i < 6_000; i++) {
      const order = [...random.permutation(3)].join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect([...counts.keys()].toSorted()).to.deep.equal(['012', '021', '102', '120', '201', '210']);
    for (const count of counts.values()) expect(count).to.be.within(860, 1_140); // 1,000, standard deviation 29
    expect(random.permutation(0)).to.have.length(0);
  });

  it('shuffles a copy that holds the same items', () =>
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer(), (items, seed) => {
        const before = [...items];
        const shuffled = seeded(seed).shuffled(items);
        expect(items).to.deep.equal(before);
        expect(shuffled.toSorted((a, b) => a - b)).to.deep.equal(before.toSorted((a, b) => a - b));
      }),
    ));
});
