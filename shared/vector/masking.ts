import {
  usualGenerator,
  type GeneratorName,
  type Keystream,
  type Keystreams,
  type OpenKeystream,
} from '../crypto/primitives.ts';
import { blockWords } from '../crypto/prg.ts';
import { FederatedError } from '../errors.ts';
import { maskingKernels, tileWords, type MaskingKernels } from './masking-kernels.ts';
import { modulusMask, plainAddKeystream, plainMask } from './plain-masking.ts';

export interface MaskOptions {
  /** What expands the keys. Default: ChaCha20. */
  readonly generator?: GeneratorName | undefined;
  /** The platform's (`primitives.keystreams`): its ChaCha20 is taken for vectors long enough to gain from it. */
  readonly keystreams?: Keystreams | undefined;
  /** Word of the whole vector that `words` begins at, where several threads each have a part: a multiple of 16. */
  readonly firstWord?: number;
  /** False takes the plain reference. */
  readonly wasm?: boolean;
}

/** Words of one keystream: its blocks are counted with 32 bits. */
const longest = 2 ** 36;

/** Below so many words, opening a platform cipher for each key costs more than it saves. */
export const worthACipher = 4096;

/**
 * Adds masks to a vector of Z_2^M and takes them away again: mask i of a key is word i of its keystream by the generator
 * (see ../crypto/primitives.ts), kept to M bits. The vector is worked through in tiles of 64 KiB, and all keys of one call go over a tile
 * while it is in the cache: no mask ever exists whole, and the memory needed does not grow with the vector.
 */
export class MaskAdder {
  /** Length d; changed in place. */
  readonly words: Uint32Array;
  readonly #modulusBits: number;
  readonly #firstBlock: number;
  readonly #keystream: OpenKeystream | undefined;
  readonly #kernels: MaskingKernels | null;

  /**
   * @param words - d words; their bits from M on are ignored, and zero after the first mask
   * @param modulusBits - M, 1 .. 32
   * @throws FederatedError BAD_ARGUMENT; NOT_SUPPORTED for a generator that is not ChaCha20 nor among the keystreams
   */
  constructor(words: Uint32Array, modulusBits: number, options: MaskOptions = {}) {
    const { generator = usualGenerator, keystreams = {}, firstWord = 0, wasm = true } = options;
    checkModulusBits(modulusBits);
    checkGenerator(generator, keystreams);
    const isBlock = Number.isInteger(firstWord / blockWords) && firstWord >= 0;
    if (!isBlock || firstWord + words.length > longest) {
      throw new FederatedError(
        'BAD_ARGUMENT',
        `masking: a part begins at a multiple of ${blockWords} and ends within 2^36 words, got ${firstWord}`,
      );
    }
    this.words = words;
    this.#modulusBits = modulusBits;
    this.#firstBlock = firstWord / blockWords;
    this.#kernels = wasm ? maskingKernels() : null;
    const isWorthIt = this.#kernels !== null && words.length >= worthACipher;
    this.#keystream = isWorthIt || !isOurs(generator) ? keystreams[generator] : undefined;
  }

  /** words + PRG(key) modulo 2^M. @param key - 32 bytes */
  add(key: Uint8Array): void {
    this.apply([key], []);
  }

  /** words - PRG(key) modulo 2^M. @param key - 32 bytes */
  subtract(key: Uint8Array): void {
    this.apply([], [key]);
  }

  /**
   * Adds the masks of some keys and takes away those of others, all in one pass over the vector: cheaper than one by one.
   * @throws FederatedError BAD_ARGUMENT for a key that has not 32 bytes; the vector is unchanged then
   */
  apply(plus: readonly Uint8Array[], minus: readonly Uint8Array[]): void {
    checkKeys([...plus, ...minus]);
    const open = this.#keystream;
    if (open !== undefined) {
      const opened = (keys: readonly Uint8Array[]): Keystream[] => keys.map((key) => open(key, this.#firstBlock));
      this.applyStreams(opened(plus), opened(minus));
    } else if (this.#kernels === null) this.#applyPlainly(plus, minus);
    else this.#applyKernel(this.#kernels, plus, minus);
  }

  /** Whether `applyStreams` would take keystreams: the generator is the platform's. */
  get takesStreams(): boolean {
    return this.#keystream !== undefined;
  }

  /** As `apply`, with the next bytes of keystreams that have come as far as `firstWord`: opening one costs as much as 20 KiB of it. */
  applyStreams(plus: readonly Keystream[], minus: readonly Keystream[]): void {
    if (this.#kernels === null) this.#applyStreamsPlainly(plus, minus);
    else this.#applyStreams(this.#kernels, plus, minus);
  }

  #applyPlainly(plus: readonly Uint8Array[], minus: readonly Uint8Array[]): void {
    for (const key of plus) plainMask(this.words, key, 1, this.#modulusBits, this.#firstBlock);
    for (const key of minus) plainMask(this.words, key, -1, this.#modulusBits, this.#firstBlock);
  }

  #applyKernel(kernels: MaskingKernels, plus: readonly Uint8Array[], minus: readonly Uint8Array[]): void {
    const { tile, key } = kernels;
    const modulus = modulusMask(this.#modulusBits);
    this.#eachTile(kernels, (start, count) => {
      const block = this.#firstBlock + start / blockWords;
      const whole = Math.ceil(count / 64) * 64;
      for (const bytes of plus) {
        key.bytes.set(bytes);
        kernels.mask(tile.at, whole, key.at, block, 0, modulus);
      }
      for (const bytes of minus) {
        key.bytes.set(bytes);
        kernels.mask(tile.at, whole, key.at, block, -1, modulus);
      }
    });
    key.bytes.fill(0);
  }

  #applyStreams(kernels: MaskingKernels, plus: readonly Keystream[], minus: readonly Keystream[]): void {
    const { tile, terms } = kernels;
    const modulus = modulusMask(this.#modulusBits);
    const streams = [...plus, ...minus];
    this.#eachTile(kernels, (_, count) => {
      const whole = Math.ceil(count / 16) * 16;
      for (const [i, stream] of streams.entries()) {
        terms.bytes.set(stream(4 * count));
        kernels.add(tile.at, terms.at, whole, i < plus.length ? 0 : -1, modulus);
      }
    });
    terms.words.fill(0);
  }

  #applyStreamsPlainly(plus: readonly Keystream[], minus: readonly Keystream[]): void {
    for (let start = 0; start < this.words.length; start += tileWords) {
      const tile = this.words.subarray(start, start + tileWords);
      for (const stream of plus) plainAddKeystream(tile, stream(4 * tile.length), 1, this.#modulusBits);
      for (const stream of minus) plainAddKeystream(tile, stream(4 * tile.length), -1, this.#modulusBits);
    }
  }

  /** Brings tile after tile into the kernels' memory and back, and leaves nothing of the vector there. */
  #eachTile({ tile }: MaskingKernels, work: (start: number, count: number) => void): void {
    const { words } = this;
    for (let start = 0; start < words.length; start += tileWords) {
      const count = Math.min(tileWords, words.length - start);
      tile.words.set(words.subarray(start, start + count));
      work(start, count);
      words.set(tile.words.subarray(0, count), start);
    }
    tile.words.fill(0, 0, Math.ceil(words.length / 64) * 64);
  }
}

/** Whether the generator needs no platform. */
export const isOurs = (generator: GeneratorName): boolean => generator === 'chacha20';

/** @throws FederatedError NOT_SUPPORTED for a generator that is the platform's alone, where it has none */
export function checkGenerator(generator: GeneratorName, keystreams: Keystreams): void {
  if (isOurs(generator) || keystreams[generator] !== undefined) return;
  throw new FederatedError('NOT_SUPPORTED', `masking: this platform has no ${generator}; use chacha20`);
}

/** @throws FederatedError BAD_ARGUMENT unless M is a whole number from 1 to 32 */
export function checkModulusBits(modulusBits: number): void {
  if (Number.isInteger(modulusBits) && modulusBits >= 1 && modulusBits <= 32) return;
  throw new FederatedError('BAD_ARGUMENT', `masking: the modulus has 1 to 32 bits, got ${modulusBits}`);
}

/** @throws FederatedError BAD_ARGUMENT for a key that has not 32 bytes */
export function checkKeys(keys: readonly Uint8Array[]): void {
  for (const { length } of keys) {
    if (length !== 32) throw new FederatedError('BAD_ARGUMENT', `masking: a key has 32 bytes, got ${length}`);
  }
}
