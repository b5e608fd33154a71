import { expect } from 'chai';
import fc from 'fast-check';
import { FederatedError } from '../../../shared/errors.ts';
import { pack, packedLength, unpack } from '../../../shared/updates/pack.ts';

const modulusBits = fc.integer({ min: 8, max: 32 });
const wordsOf = (bits: number): fc.Arbitrary<Uint32Array> =>
  fc.array(fc.integer({ min: 0, max: 2 ** bits - 1 }), { maxLength: 100 }).map((words) => Uint32Array.from(words));

describe('packed words', () => {
  it('lie in little-endian order, without gaps', () => {
    // 12 bits: abc -> bc, .a; def goes on in the upper half of the second byte: fa; then de.
    expect(pack(Uint32Array.of(0xabc, 0xdef), 12)).to.deep.equal(Uint8Array.of(0xbc, 0xfa, 0xde, 0));
    expect(pack(Uint32Array.of(0x0201, 0x0403), 16)).to.deep.equal(Uint8Array.of(1, 2, 3, 4));
    expect(pack(Uint32Array.of(0x04030201), 32)).to.deep.equal(Uint8Array.of(1, 2, 3, 4));
    expect(pack(Uint32Array.of(7, 255), 8)).to.deep.equal(Uint8Array.of(7, 255, 0, 0));
  });

  it('are bit j of word i at bit i * M + j, for every M', () => {
    for (let bits = 8; bits <= 32; bits++) {
      for (const at of [0, 1, bits, 3 * bits - 1, 5 * bits + 7, 11 * bits - 1]) {
        const words = new Uint32Array(11);
        words[Math.floor(at / bits)] = (1 << (at % bits)) >>> 0;
        const expected = new Uint8Array(4 * Math.ceil((11 * bits) / 32));
        expected[at >> 3] = 1 << (at & 7);
        expect(pack(words, bits)).to.deep.equal(expected);
      }
    }
  });

  it('come back, for every M', () => {
    fc.assert(
      fc.property(modulusBits, modulusBits.chain(wordsOf), fc.integer({ min: 0, max: 3 }), (bits, words, offset) => {
        const kept = words.map((word) => (bits === 32 ? word : word % 2 ** bits));
        const bytes = pack(words, bits);
        expect(bytes.length).to.equal(packedLength(words.length, bits));
        expect(bytes.length).to.equal(4 * Math.ceil((words.length * bits) / 32));
        const moved = new Uint8Array(bytes.length + offset).subarray(offset); // as bytes come from a decoder
        moved.set(bytes);
        expect(unpack(moved, words.length, bits)).to.deep.equal(kept);
      }),
    );
  });

  it('are refused at another length, or with bits set after the last word', () => {
    for (const [bytes, count, bits] of [
      [new Uint8Array(4), 3, 12],
      [new Uint8Array(12), 3, 12],
      [Uint8Array.of(0, 0, 0, 0, 0x10, 0, 0, 0), 3, 12], // 36 bits: all but the lower 4 of the second word are spare
      [Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x80), 3, 12],
      [new Uint8Array(3), 1, 32],
    ] as const) {
      expect(() => unpack(bytes, count, bits))
        .to.throw(FederatedError)
        .with.property('code', 'WRONG_SHAPE');
    }
    expect(unpack(Uint8Array.of(0, 0, 0, 0, 0x0f, 0, 0, 0), 3, 12)).to.deep.equal(Uint32Array.of(0, 0, 0xf00));
  });
});
