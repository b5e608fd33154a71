import * as crypto from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { fromHex, utf8 } from '../../../shared/bytes.ts';
import { generatorNames, type GeneratorName } from '../../../shared/crypto/primitives.ts';
import { Prg } from '../../../shared/crypto/prg.ts';
import { seeded } from '../../../shared/random.ts';
import module from '../../../shared/vector/kernels/masking.wasm.ts';
import { maskingKernels } from '../../../shared/vector/masking-kernels.ts';
import { MaskAdder, type MaskOptions } from '../../../shared/vector/masking.ts';
import { codeOf, native } from '../../helpers/primitives.ts';

const keyOf = (...path: (string | number)[]): Uint8Array => native.sha256(utf8(JSON.stringify(path)));
const { keystreams } = native;
/** Each generator in all the ways in which there is one. */
const waysOf = {
  chacha20: [
    ['plain', { wasm: false }],
    ['wasm', {}],
    ['native', { keystreams }],
  ],
  'aes-256-ctr': [
    ['plain, AES', { generator: 'aes-256-ctr', keystreams, wasm: false }],
    ['native, AES', { generator: 'aes-256-ctr', keystreams }],
  ],
} as const satisfies Record<GeneratorName, readonly (readonly [string, MaskOptions])[]>;
const ways: readonly (readonly [string, MaskOptions])[] = Object.values(waysOf).flat();
/** One tile and both sides of it, whole and broken blocks, and the length from which on the platform's cipher is taken. */
const lengths = [0, 1, 3, 15, 16, 17, 63, 64, 65, 4095, 4096, 4097, 16_383, 16_384, 16_385, 32_769];
const words = (length: number, ...path: (string | number)[]): Uint32Array => {
  const { u32 } = seeded(...path);
  return Uint32Array.from({ length }, u32);
};
const reduced = (vector: Uint32Array, bits: number): Uint32Array => vector.map((word) => word % 2 ** bits);
/** As deep.equal, which takes seconds on long arrays. */
const expectSame = (a: Uint32Array, b: Uint32Array): void => {
  expect(Buffer.compare(Buffer.from(a.buffer), Buffer.from(b.buffer))).to.equal(0);
};

describe('the masks of a vector', () => {
  for (const generator of generatorNames) {
    it(`are the words of the keystream as OpenSSL has it, little-endian, kept to M bits (${generator})`, () => {
      const key = keyOf('reference');
      const stream = crypto.createCipheriv(generator, key, Buffer.alloc(16)).update(Buffer.alloc(4 * 20_000));
      for (const bits of [1, 8, 20, 31, 32]) {
        for (const [, options] of waysOf[generator]) {
          const mask = new Uint32Array(20_000);
          new MaskAdder(mask, bits, options).add(key);
          expectSame(
            mask,
            Uint32Array.from(mask, (_, i) => stream.readUInt32LE(4 * i) % 2 ** bits),
          );
        }
      }
    });
  }

  const chachaWays: readonly (readonly [string, MaskOptions])[] = waysOf.chacha20;
  const aesWays: readonly (readonly [string, MaskOptions])[] = waysOf['aes-256-ctr'];

  for (const those of [chachaWays, aesWays])
    it(`have the same bits in all ways, for every length (${those.map(([name]) => name).join(', ')})`, () => {
      for (const length of lengths) {
        const bits = 8 + (length % 25);
        const [first, ...others] = those.map(([, options]) => {
          const vector = words(length, 'vector', length);
          const adder = new MaskAdder(vector, bits, options);
          adder.add(keyOf('a'));
          adder.subtract(keyOf('b'));
          adder.apply([keyOf('c'), keyOf('d')], [keyOf('e'), keyOf('f'), keyOf('g')]);
          return vector;
        });
        for (const other of others) expectSame(other, first!);
      }
    });

  it('have them for every number of bits and every part of a longer vector, too', () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 32 }),
        fc.nat(2000),
        fc.integer({ min: 0, max: 2 ** 28 - 1 }),
        (bits, length, block) => {
          const inAll = (those: typeof ways): Uint32Array[] =>
            those.map(([, options]) => {
              const vector = words(length, 'vector', bits);
              new MaskAdder(vector, bits, { ...options, firstWord: 16 * block }).apply([keyOf('a')], [keyOf('b')]);
              return vector;
            });
          const [plainly, natively] = inAll(aesWays);
          expectSame(plainly!, natively!);
          const [first, ...others] = inAll(chachaWays);
          const own = (name: string): number => new Prg(keyOf(name), block).u32();
          if (length > 0)
            expect(first![0]).to.equal((words(1, 'vector', bits)[0]! + own('a') - own('b') + 2 ** 32) % 2 ** bits);
          for (const other of others) expectSame(other, first!);
        },
      ),
      { numRuns: 60 },
    ));

  for (const [name, options] of ways) {
    it(`come off again and leave the vector modulo 2^M, in any order and in any pieces (${name})`, () => {
      for (const [length, bits] of [
        [5, 8],
        [6000, 20],
        [20_000, 32],
      ] as const) {
        const before = words(length, 'before');
        const vector = before.slice();
        const keys = [0, 1, 2, 3].map((i) => keyOf('key', i));
        const adder = new MaskAdder(vector, bits, options);
        adder.apply(keys.slice(0, 3), [keys[3]!]);
        expect(vector).not.to.satisfy((each: Uint32Array) => each.every((word, i) => word === before[i]));
        expect(vector.every((word) => word < 2 ** bits)).to.equal(true);
        const middle = 16 * Math.floor(length / 32);
        for (const [start, end] of [
          [middle, length],
          [0, middle],
        ] as const) {
          const part = new MaskAdder(vector.subarray(start, end), bits, { ...options, firstWord: start });
          part.add(keys[3]!);
          part.subtract(keys[2]!);
          part.apply([], [keys[0]!, keys[1]!]);
        }
        expectSame(vector, reduced(before, bits));
      }
    });

    it(`of pairs cancel in the sum of the vectors (${name})`, () => {
      const clients = 5;
      const vectors = Array.from({ length: clients }, (_, i) => words(100, 'client', i));
      const sum = new Uint32Array(100).map((_, at) => vectors.reduce((all, vector) => all + vector[at]!, 0));
      for (const [i, vector] of vectors.entries()) {
        const pair = (j: number): Uint8Array => keyOf('pair', Math.min(i, j), Math.max(i, j));
        const peers = vectors.map((_, j) => j);
        new MaskAdder(vector, 32, options).apply(
          peers.filter((j) => j > i).map(pair),
          peers.filter((j) => j < i).map(pair),
        );
      }
      expectSame(
        new Uint32Array(100).map((_, at) => vectors.reduce((all, vector) => all + vector[at]!, 0)),
        sum,
      );
    });
  }

  it('leave no key and nothing of the vector in the memory of the kernels', () => {
    const { tile, terms, key } = maskingKernels()!;
    for (const length of [1, 100, 40_000]) {
      for (const [, options] of ways) new MaskAdder(words(length, 'x'), 32, options).apply([keyOf('a')], [keyOf('b')]);
      for (const memory of [tile.words, terms.words, key.bytes]) {
        expect((memory as Uint8Array).every((each) => each === 0)).to.equal(true);
      }
    }
  });

  it('need a key of 32 bytes, and touch nothing when one of several is not', () => {
    for (const [, options] of ways) {
      const vector = words(5000, 'untouched');
      const adder = new MaskAdder(vector, 32, options);
      for (const length of [0, 31, 33]) {
        const bad = new Uint8Array(length);
        expect(codeOf(() => adder.add(bad))).to.equal('BAD_ARGUMENT');
        expect(codeOf(() => adder.subtract(bad))).to.equal('BAD_ARGUMENT');
        expect(codeOf(() => adder.apply([keyOf('good')], [keyOf('good'), bad]))).to.equal('BAD_ARGUMENT');
      }
      expectSame(vector, words(5000, 'untouched'));
    }
  });

  it('need a modulus of 1 to 32 bits and parts that begin with a block', () => {
    for (const bits of [0, 33, 8.5, Number.NaN]) {
      expect(codeOf(() => new MaskAdder(new Uint32Array(1), bits))).to.equal('BAD_ARGUMENT');
    }
    for (const firstWord of [-16, 1, 8, 16.5, 2 ** 36, Number.NaN]) {
      expect(codeOf(() => new MaskAdder(new Uint32Array(1), 32, { firstWord }))).to.equal('BAD_ARGUMENT');
    }
  });

  it('need a platform for AES, and say so', () => {
    for (const options of [{}, { keystreams: {} }, { keystreams: { chacha20: keystreams.chacha20! } }]) {
      const adder = (): MaskAdder => new MaskAdder(new Uint32Array(5000), 32, { ...options, generator: 'aes-256-ctr' });
      expect(codeOf(adder)).to.equal('NOT_SUPPORTED');
    }
  });

  it('come from a module of less than 4 KiB, which a page may compile at once on its main thread', () => {
    expect(fromHex(module).length).to.be.lessThan(4096);
  });
});
