import { expect } from 'chai';
import { seeded } from '../../../shared/random.ts';
import { addWords } from '../../../shared/vector/words.ts';
import { codeOf } from '../../helpers/primitives.ts';

const words = (length: number, name: string): Uint32Array => Uint32Array.from({ length }, seeded(name).u32);

for (const wasm of [false, true]) {
  describe(`adding words ${wasm ? 'in WebAssembly' : 'plainly'}`, () => {
    it('is addition modulo 2^32, for every length', () => {
      for (const length of [0, 1, 63, 64, 65, 16_383, 16_384, 16_385, 40_001]) {
        const [a, b] = [words(length, 'a'), words(length, 'b')];
        const sum = a.slice();
        addWords(sum, b, wasm);
        expect(sum.every((word, i) => word === (a[i]! + b[i]!) % 2 ** 32)).to.equal(true);
        const again = words(length, 'b');
        expect(b.every((word, i) => word === again[i])).to.equal(true); // the term stays
      }
    });

    it('refuses vectors of different lengths', () => {
      expect(codeOf(() => addWords(new Uint32Array(3), new Uint32Array(4), wasm))).to.equal('BAD_ARGUMENT');
    });
  });
}
