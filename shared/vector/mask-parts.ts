import { usualGenerator, type Keystream } from '../crypto/primitives.ts';
import { checkGenerator, checkKeys, checkModulusBits, MaskAdder, type MaskOptions } from './masking.ts';

/** Words of a part: 512 KiB, which stay in a processor's second cache; a multiple of 16. */
export const partWords = 131_072;
/** Keys that go over a part between two pauses: 4 MiB of keystream, some three milliseconds of work. */
const keysAtOnce = 8;

export interface MaskPartsOptions extends Pick<MaskOptions, 'generator' | 'keystreams'> {
  /** Awaited between two stretches of work: there the caller's event loop gets its turn. */
  readonly pause: () => Promise<void>;
}

/**
 * words + the masks of `plus` - those of `minus`, modulo 2^M, in place: the same bits as `MaskAdder.apply` on the whole, but
 * part by part with pauses between, so that the calling thread is never busy for more than some milliseconds. Nobody else
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
  const keystream = keystreams[generator];
  // Opened once, and read on from part to part.
  const opened = (keys: readonly Uint8Array[]): Keystream[] =>
    keystream === undefined ? [] : keys.map((key) => keystream(key, 0));
  const streams = { plus: opened(plus), minus: opened(minus) };
  let isFirst = true;
  for (let firstWord = 0; firstWord < words.length; firstWord += partWords) {
    const part = words.subarray(firstWord, firstWord + partWords);
    const adder = new MaskAdder(part, modulusBits, { generator, keystreams, firstWord });
    for (let at = 0; at < plus.length + minus.length; at += keysAtOnce) {
      if (!isFirst) await pause();
      isFirst = false;
      const ofPlus = [at, at + keysAtOnce] as const;
      const ofMinus = [Math.max(0, at - plus.length), Math.max(0, at + keysAtOnce - plus.length)] as const;
      if (adder.takesStreams) adder.applyStreams(streams.plus.slice(...ofPlus), streams.minus.slice(...ofMinus));
      else adder.apply(plus.slice(...ofPlus), minus.slice(...ofMinus));
    }
  }
}
