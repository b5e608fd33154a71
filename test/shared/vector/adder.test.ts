import { expect } from 'chai';
import { seeded } from '../../../shared/random.ts';
import { plainAdder, wasmAdder } from '../../../shared/vector/adder.ts';

const rounding = { hi: 1.5 * 2 ** 52 * 2 ** -12, lo: 1.5 * 2 ** 52 * 2 ** -60 };

describe('the WebAssembly adder', () => {
  it('gives the same bits as the plain loop, for every length and offset', () => {
    const random = seeded('adder');
    for (const length of [1, 3, 4, 5, 100, 16_383, 16_384, 16_385, 40_001]) {
      const plain = plainAdder(length + 7, rounding);
      const wasm = wasmAdder(length + 7, rounding);
      for (let k = 0; k < 5; k++) {
        const values = Float32Array.from({ length }, () => (random.float() - 0.5) * 10 ** (random.below(10) - 7));
        const weight = 1 + random.below(100_000);
        for (const adder of [plain, wasm]) adder.add(values, weight, k);
      }
      expect(wasm.hi).to.deep.equal(plain.hi);
      expect(wasm.lo).to.deep.equal(plain.lo);
    }
  });
});
