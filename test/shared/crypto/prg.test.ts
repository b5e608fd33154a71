import * as crypto from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { fromHex, toHex } from '../../../shared/bytes.ts';
import { fastGenerators } from '../../../shared/crypto/fast-generators.ts';
import { portable } from '../../../shared/crypto/portable.ts';
import {
  generatorNames,
  type GeneratorName,
  type Keystreams,
  type OpenKeystream,
} from '../../../shared/crypto/primitives.ts';
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

describe('the keystreams of the native primitives', () => {
  const { chacha20, 'aes-256-ctr': aes } = native.keystreams;
  const pieces = fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 5 });

  it('are those of both generators, and the portable ones have none', () => {
    expect(Object.keys(native.keystreams)).to.deep.equal([...generatorNames]);
    expect(portable.keystreams).to.deep.equal({});
  });

  it('have that of ChaCha20, in pieces of any length', () =>
    fc.assert(
      fc.property(bytes32, fc.nat(1000), pieces, (key, block, lengths) => {
        const read = chacha20!(key, block);
        const text = lengths.map((length) => toHex(read(length))).join('');
        const words = new Uint32Array(400);
        new Prg(key, block).fill(words);
        expect(text).to.equal(hexOf(words).slice(0, text.length));
      }),
    ));

  it('begin, under AES, with the blocks 0, 1 and 2 that the specification of GCM has for a key of zeros', () => {
    const text = toHex(aes!(new Uint8Array(32), 0)(48));
    expect(text).to.equal(vectors.aes256OfCounters.join(''));
  });

  it('are AES of one number after the other, the last carried into the next 32 bits', () => {
    // What this counts and enciphers by itself is right, since it gives the blocks of NIST SP 800-38A, F.5.5.
    const { key: keyHex, counter, blocks } = vectors.aes256Ctr;
    expect(aesOf(fromHex(keyHex), BigInt(`0x${counter}`), blocks.length)).to.equal(blocks.join(''));
    const starts = fc.oneof(fc.nat(1000), fc.integer({ min: 2 ** 30 - 3, max: 2 ** 30 }), fc.constant(2 ** 32 - 1));
    fc.assert(
      fc.property(bytes32, starts, pieces, (key, block, lengths) => {
        const read = aes!(key, block);
        const text = lengths.map((length) => toHex(read(length))).join('');
        expect(text).to.equal(aesOf(key, 4n * BigInt(block), 100).slice(0, text.length));
      }),
    );
  });

  it('take keys of 32 bytes only', () => {
    for (const open of [chacha20!, aes!]) {
      for (const length of [0, 16, 31, 33])
        expect(codeOf(() => open(new Uint8Array(length), 0))).to.equal('BAD_ARGUMENT');
    }
  });
});

/** AES-256 of so many counter blocks (128 bits, big-endian), each by itself. */
function aesOf(key: Uint8Array, first: bigint, count: number): string {
  const cipher = crypto.createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
  const input = Array.from({ length: count }, (_, i) => (first + BigInt(i)).toString(16).padStart(32, '0')).join('');
  return cipher.update(Buffer.from(input, 'hex')).toString('hex');
}

describe('the generators that are worth offering', () => {
  /** Keystreams that take so many ms for each piece, by a clock of their own. */
  const machine = (
    times: Partial<Record<GeneratorName, number>>,
    disturbed = 0,
  ): readonly [Keystreams, () => number] => {
    let [now, reads] = [0, 0];
    const open =
      (ms: number): OpenKeystream =>
      () =>
      (length) => {
        now += ms + (reads++ < disturbed ? 100 : 0);
        return new Uint8Array(length);
      };
    return [Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, open(ms)])), () => now];
  };

  it('are ChaCha20, and AES where it is as fast, also when most tries are disturbed', () => {
    const both = ['chacha20', 'aes-256-ctr'];
    expect(fastGenerators(...machine({ chacha20: 3, 'aes-256-ctr': 2 }))).to.deep.equal(both);
    expect(fastGenerators(...machine({ chacha20: 3, 'aes-256-ctr': 2 }, 22))).to.deep.equal(both);
    expect(fastGenerators(...machine({ 'aes-256-ctr': 0.05 }))).to.deep.equal(both);
    expect(fastGenerators(...machine({ 'aes-256-ctr': 2 }))).to.deep.equal(['chacha20']); // without instructions
    expect(fastGenerators(...machine({ chacha20: 3, 'aes-256-ctr': 9 }))).to.deep.equal(['chacha20']);
    expect(fastGenerators(...machine({ chacha20: 3 }))).to.deep.equal(['chacha20']);
    expect(fastGenerators({}, () => 0)).to.deep.equal(['chacha20']);
  });
});
