import { expect } from 'chai';
import { utf8 } from '../../../shared/bytes.ts';
import { seeded } from '../../../shared/random.ts';
import { applyMasksInParts } from '../../../shared/vector/mask-parts.ts';
import { tileWords } from '../../../shared/vector/masking-kernels.ts';
import { MaskAdder } from '../../../shared/vector/masking.ts';
import { refuses } from '../../contracts/store.ts';
import { native } from '../../helpers/primitives.ts';

const keysOf = (name: string, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => native.sha256(utf8(`${name} ${i}`)));
const vector = (length: number): Uint32Array => Uint32Array.from({ length }, seeded('vector', length).u32);
const isSame = (a: Uint32Array, b: Uint32Array): boolean =>
  a.length === b.length && a.every((word, i) => word === b[i]);

describe('masks in parts', () => {
  it('have the bits of masks applied at once, for any numbers of words and keys', async () => {
    const { keystreams } = native;
    for (const how of [{}, { keystreams }, { keystreams, generator: 'aes-256-ctr' }] as const) {
      for (const length of [0, 1, 100, tileWords - 1, tileWords, tileWords + 1, 2 * tileWords + 5001]) {
        for (const [plus, minus] of [
          [1, 0],
          [0, 1],
          [8, 8],
          [5, 12],
          [17, 2],
        ] as const) {
          const [words, wanted] = [vector(length), vector(length)];
          const keys = [keysOf('plus', plus), keysOf('minus', minus)] as const;
          await applyMasksInParts(words, 27, ...keys, { ...how, pause: async () => {} });
          new MaskAdder(wanted, 27, how).apply(...keys);
          expect(isSame(words, wanted), `${length} words, ${plus} and ${minus} keys`).to.equal(true);
        }
      }
    }
  });

  it('pause after every 64 masks of a tile, and not before the first nor after the last', async () => {
    for (const [length, keys, pauses] of [
      [0, 100, 0],
      [tileWords, 0, 0],
      [tileWords, 64, 0],
      [tileWords, 65, 1],
      [8 * tileWords, 8, 0],
      [8 * tileWords, 9, 1],
      [2 * tileWords + 1, 100, 4], // 300 masks of a tile: after 64, 128, 192 and 256
    ] as const) {
      let paused = 0;
      const pause = async (): Promise<void> => void paused++;
      await applyMasksInParts(
        vector(length),
        32,
        keysOf('a', keys - Math.floor(keys / 3)),
        keysOf('b', Math.floor(keys / 3)),
        {
          pause,
        },
      );
      expect(paused, `${length} words, ${keys} keys`).to.equal(pauses);
    }
  });

  it('stop where a pause rejects', async () => {
    const words = vector(2 * tileWords);
    const pause = (): Promise<void> => Promise.reject(new Error('stop'));
    const error = await applyMasksInParts(words, 32, keysOf('a', 65), [], { pause }).catch((thrown: Error) => thrown);
    expect((error as Error).message).to.equal('stop');
    expect(isSame(words.subarray(tileWords), vector(2 * tileWords).subarray(tileWords))).to.equal(true);
  });

  it('refuse a bad key or modulus, or a generator that is not there, with the words unchanged', async () => {
    const words = vector(1000);
    const options = { pause: async () => {} };
    await refuses(applyMasksInParts(words, 32, keysOf('a', 2), [new Uint8Array(16)], options), 'BAD_ARGUMENT');
    await refuses(applyMasksInParts(words, 0, keysOf('a', 2), [], options), 'BAD_ARGUMENT');
    const lacking = { ...options, generator: 'aes-256-ctr' } as const;
    await refuses(applyMasksInParts(words, 32, keysOf('a', 2), [], lacking), 'NOT_SUPPORTED');
    expect(isSame(words, vector(1000))).to.equal(true);
  });
});
