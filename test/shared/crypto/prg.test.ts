import * as crypto from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { fromHex, toHex } from '../../../shared/bytes.ts';
import { chachaBlock, keyWords, Prg } from '../../../shared/crypto/prg.ts';
import { codeOf, native } from '../../helpers/primitives.ts';
import * as vectors from '../../vectors/crypto.ts';

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const hexOf = (words: Uint32Array): string => toHex(new Uint8Array(words.buffer, words.byteOffset, words.byteLength));

/** The keystream of OpenSSL: what it makes of zeros. */
function reference(key: Uint8Array, words: number, counter = 0): string {
  const start = Buffer.alloc(16);
  start.writeUInt32LE(counter);
  return crypto
    .createCipheriv('chacha20', key, start)
    .update(Buffer.alloc(4 * words))
    .toString('hex');
}

describe('the ChaCha20 generator', () => {
  it('agrees with RFC 8439, appendix A.1, on single blocks', () => {
    for (const { key, counter, block } of vectors.chacha20Blocks) {
      const out = new Uint32Array(18);
      chachaBlock(out, 1, keyWords(fromHex(key)), counter);
      expect(hexOf(out.subarray(1, 17))).to.equal(block);
      expect([out[0], out[17]]).to.deep.equal([0, 0]);
    }
  });

  it('gives the blocks one after the other, from the first on', () => {
    const [first, second] = vectors.chacha20Blocks;
    const out = new Uint32Array(32);
    new Prg(new Uint8Array(32)).fill(out);
    expect(hexOf(out)).to.equal(first!.block + second!.block);
  });

  it('agrees with OpenSSL for any key, block and length', () =>
    fc.assert(
      fc.property(bytes32, fc.nat(0xffff_0000), fc.integer({ min: 1, max: 100 }), (key, counter, length) => {
        const out = new Uint32Array(length);
        new Prg(key, counter).fill(out);
        expect(hexOf(out)).to.equal(reference(key, length, counter));
      }),
    ));

  it('draws the same words singly as at once', () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => i);
    const out = new Uint32Array(40);
    new Prg(key).fill(out);
    const prg = new Prg(key);
    expect(Array.from(out, () => prg.u32())).to.deep.equal([...out]);
  });

  it('draws below a limit every number equally often, passing over the words that would favour small ones', () => {
    const prg = new Prg(new Uint8Array(32).fill(7));
    const counts = Array.from({ length: 10 }, () => 0);
    for (let i = 0; i < 100_000; i++) counts[prg.below(10)]!++;
    const chiSquare = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
    expect(chiSquare).to.be.lessThan(34); // 9 degrees of freedom: exceeded once in 10,000 keys
    // With 3 * 2^30 numbers a quarter of all words is passed over, and the rest stands as it is.
    const key = new Uint8Array(32).fill(8);
    const words = new Uint32Array(40);
    new Prg(key).fill(words);
    const large = new Prg(key);
    const kept = [...words].filter((word) => word < 3 * 2 ** 30);
    expect(kept.length).to.be.lessThan(40);
    expect(kept.map(() => large.below(3 * 2 ** 30))).to.deep.equal(kept);
    expect(new Prg(key).below(2 ** 32)).to.equal(words[0]);
    expect(new Prg(key).below(1)).to.equal(0);
  });

  it('gives the stream of another key once wiped', () => {
    const key = new Uint8Array(32).fill(9);
    const prg = new Prg(key);
    prg.u32();
    prg.wipe();
    const rest = Array.from({ length: 31 }, () => prg.u32());
    expect(rest.slice(0, 15)).to.deep.equal(Array.from({ length: 15 }, () => 0));
    expect(hexOf(Uint32Array.from(rest.slice(15)))).to.equal(vectors.chacha20Blocks[1]!.block); // the zero key's second block
    expect(key).to.deep.equal(new Uint8Array(32).fill(9)); // the caller's own
  });

  it('refuses keys that have not 32 bytes', () => {
    for (const length of [0, 16, 31, 33])
      expect(codeOf(() => new Prg(new Uint8Array(length)))).to.equal('BAD_ARGUMENT');
  });
});

describe('the keystream of the native primitives', () => {
  const open = native.keystream!;

  it('is that of the generator, in pieces of any length', () =>
    fc.assert(
      fc.property(
        bytes32,
        fc.nat(1000),
        fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 5 }),
        (key, block, lengths) => {
          const read = open(key, block);
          const text = lengths.map((length) => toHex(read(length))).join('');
          const words = new Uint32Array(400);
          new Prg(key, block).fill(words);
          expect(text).to.equal(hexOf(words).slice(0, text.length));
        },
      ),
    ));

  it('takes keys of 32 bytes only', () => {
    for (const length of [0, 31, 33]) expect(codeOf(() => open(new Uint8Array(length), 0))).to.equal('BAD_ARGUMENT');
  });
});
