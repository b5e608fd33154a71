import { expect } from 'chai';
import fc from 'fast-check';
import { Prg } from '../../../shared/crypto/prg.ts';
import { seeded } from '../../../shared/random.ts';
import { quantise, type NoiseOptions } from '../../../shared/vector/quantise.ts';
import { codeOf, native } from '../../helpers/primitives.ts';

const noiseKey = new Uint8Array(32).fill(5);
const noise = (length: number): number[] => {
  const prg = new Prg(noiseKey);
  return Array.from({ length }, () => prg.u32() / 2 ** 32);
};
/** Words of Z_2^M as signed numbers. */
const signed = (words: Uint32Array, bits: number): number[] =>
  Array.from(words, (word) => (word >= 2 ** (bits - 1) ? word - 2 ** bits : word));

function run(values: Float32Array, factor: number, limit: number, bits: number, how: NoiseOptions): Uint32Array {
  const out = new Uint32Array(values.length).fill(0xdeadbeef); // whatever was there
  quantise(out, values, factor, noiseKey, limit, bits, how);
  return out;
}

const ways: readonly (readonly [string, NoiseOptions])[] = [
  ['plainly', { wasm: false }],
  ['in WebAssembly', {}],
  ["with the platform's noise", { keystreams: native.keystreams }],
];

for (const [name, how] of ways) {
  describe(`quantising ${name}`, () => {
    it('is floor(value * factor + u), with u from the keystream', () => {
      const values = Float32Array.of(0, 1, -1, 0.5, -0.5, 2.75, -2.75, 1e-8, -1e-8);
      const expected = noise(values.length).map((u, i) => Math.floor(values[i]! * 10 + u));
      expect(signed(run(values, 10, 1000, 32, how), 32)).to.deep.equal(expected);
    });

    it("gives whole numbers back as they are, in two's complement of M bits", () => {
      const values = Float32Array.of(0, 1, -1, 127, -127);
      expect([...run(values, 1, 127, 8, how)]).to.deep.equal([0, 1, 255, 127, 129]);
      expect([...run(values, 1, 127, 32, how)]).to.deep.equal([0, 1, 2 ** 32 - 1, 127, 2 ** 32 - 127]);
    });

    it('stops at the limit on both sides, also for what no word could hold', () => {
      const values = Float32Array.of(99, 100, 101, 1e9, 3e38, -99, -100, -101, -1e9, -3e38);
      const ends = [99, 100, 100, 100, 100, -99, -100, -100, -100, -100];
      expect(signed(run(values, 1, 100, 20, how), 20)).to.deep.equal(ends);
      const most = 2 ** 31 - 1;
      expect(signed(run(Float32Array.of(1, -1), 1e300, most, 32, how), 32)).to.deep.equal([most, -most]);
      expect([...run(values, 1, 0, 32, how)]).to.deep.equal([...values].map(() => 0));
    });

    it('is right on average: the sum of many roundings is the sum of the values, give or take', () => {
      for (const value of [0.3, -0.3, 7.01]) {
        const length = 100_000;
        const rounded = signed(run(new Float32Array(length).fill(value), 1, 100, 32, how), 32);
        const fraction = Math.fround(value) - Math.floor(Math.fround(value));
        const spread = Math.sqrt(fraction * (1 - fraction) * length);
        const sum = rounded.reduce((all, each) => all + each, 0);
        expect(Math.abs(sum - length * Math.fround(value))).to.be.lessThan(4 * spread);
        expect(new Set(rounded).size).to.equal(2);
      }
    });

    it('refuses lengths, keys, factors, limits and moduli that make no sense', () => {
      const two = new Uint32Array(2);
      const values = new Float32Array(2);
      const calls = [
        () => quantise(two, new Float32Array(3), 1, noiseKey, 1, 32, how),
        () => quantise(two, values, 1, new Uint8Array(31), 1, 32, how),
        () => quantise(two, values, Number.NaN, noiseKey, 1, 32, how),
        () => quantise(two, values, Infinity, noiseKey, 1, 32, how),
        () => quantise(two, values, 1, noiseKey, 2 ** 31, 32, how),
        () => quantise(two, values, 1, noiseKey, -1, 32, how),
        () => quantise(two, values, 1, noiseKey, 1.5, 32, how),
        () => quantise(two, values, 1, noiseKey, 1, 0, how),
        () => quantise(two, values, 1, noiseKey, 1, 33, how),
      ];
      for (const call of calls) expect(codeOf(call)).to.equal('BAD_ARGUMENT');
    });
  });
}

describe('quantising in all ways', () => {
  it('gives the same bits for every length', () => {
    for (const length of [0, 1, 3, 4, 63, 64, 65, 4095, 4096, 16_383, 16_384, 16_385, 40_001]) {
      const random = seeded('quantise', length);
      const values = Float32Array.from({ length }, () => (random.float() - 0.5) * 10 ** (random.below(12) - 8));
      const [plain, ...others] = ways.map(([, each]) =>
        Buffer.from(run(values, 2 ** 19 / 3, 2 ** 19, 24, each).buffer),
      );
      for (const other of others) expect(Buffer.compare(plain!, other)).to.equal(0);
    }
  });

  it('gives the same bits for any floats, NaN and infinities among them, any factor, limit and modulus', () =>
    fc.assert(
      fc.property(
        fc.float32Array({ maxLength: 70 }),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.nat(2 ** 31 - 1),
        fc.integer({ min: 1, max: 32 }),
        (values, factor, limit, bits) => {
          const [plain, ...others] = ways.map(([, each]) => run(values, factor, limit, bits, each));
          for (const other of others) expect(other).to.deep.equal(plain);
        },
      ),
    ));
});
