import { usualGenerator, type Keystream } from '../crypto/primitives.ts';
import { tileWords } from './masking-kernels.ts';
import {
  checkGenerator,
  checkKeys,
  checkModulusBits,
  isOurs,
  MaskAdder,
  worthACipher,
  type MaskOptions,
} from './masking.ts';

/** Masks of one tile between two pauses: 4 MiB of keystream, some three milliseconds of work. */
const masksAtOnce = 64;

export interface MaskPartsOptions extends Pick<MaskOptions, 'generator' | 'keystreams'> {
  /** Awaited between two stretches of work: there the caller's event loop gets its turn. */
  readonly pause: () => Promise<void>;
}

/**
 * words + the masks of `plus` - those of `minus`, modulo 2^M, in place: the same bits as `MaskAdder.apply` on the whole, but
 * tile by tile with pauses between, so that the calling thread is never busy for more than some milliseconds. Nobody else
 * may touch words or keys before it is done.
 * @param words - d words; their bits from M on are ignored, and zero after the first mask
 * @param modulusBits - M, 1 .. 32
 * @param plus - keys of 32 bytes, as those of `minus`
 * @throws FederatedError BAD_ARGUMENT or NOT_SUPPORTED, and the words are unchanged then
 */
export async function applyMasksInParts(
  words: Uint32Array,
  modulusBits: number,
  plus: readonly Uint8Array[],
  minus: readonly Uint8Array[],
  { generator = usualGenerator, keystreams = {}, pause }: MaskPartsOptions,
): Promise<void> {
  checkModulusBits(modulusBits);
  checkGenerator(generator, keystreams);
  checkKeys([...plus, ...minus]);
  const keystream = words.length >= worthACipher || !isOurs(generator) ? keystreams[generator] : undefined;
  // Opened once, and read on from tile to tile.
  const opened = (keys: readonly Uint8Array[]): Keystream[] =>
    keystream === undefined ? [] : keys.map((key) => keystream(key, 0));
  const streams = { plus: opened(plus), minus: opened(minus) };
  const all = plus.length + minus.length;
  let done = 0; // since the last pause
  for (let firstWord = 0; firstWord < words.length; firstWord += tileWords) {
    const tile = words.subarray(firstWord, firstWord + tileWords);
    const adder = new MaskAdder(tile, modulusBits, { generator, keystreams, firstWord });
    // All masks go over a tile before the next: each stretch brings it into the kernels' memory and back.
    for (let from = 0, to = 0; from < all; from = to) {
      if (done === masksAtOnce) {
        await pause();
        done = 0;
      }
      to = Math.min(all, from + masksAtOnce - done);
      done += to - from;
      const ofPlus = [from, to] as const;
      const ofMinus = [Math.max(0, from - plus.length), Math.max(0, to - plus.length)] as const;
      if (adder.takesStreams) adder.applyStreams(streams.plus.slice(...ofPlus), streams.minus.slice(...ofMinus));
      else adder.apply(plus.slice(...ofPlus), minus.slice(...ofMinus));
    }
  }
}
