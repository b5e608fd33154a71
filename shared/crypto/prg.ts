import { FederatedError } from '../errors.ts';

/**
 * The generator of rounding noise, of draws and, unless a plan names another, of masks: the keystream of ChaCha20 (RFC 8439, section 2.4) under a 32-byte key, with
 * a nonce of zeros and the block counter from 0, read as little-endian words of 32 bits. A key must therefore serve one
 * purpose only. Everything here is additions, exclusive ors and rotations, so its timing does not depend on the key.
 */

/** Words of one block: 64 bytes. */
export const blockWords = 16;

/** "expand 32-byte k" as little-endian words. */
const constants = Int32Array.of(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574);

/** The eight words of a key. @throws FederatedError BAD_ARGUMENT unless it has 32 bytes */
export function keyWords(key: Uint8Array): Uint32Array {
  if (key.length !== 32) throw new FederatedError('BAD_ARGUMENT', `prg: a key has 32 bytes, got ${key.length}`);
  const view = new DataView(key.buffer, key.byteOffset, 32);
  return Uint32Array.from({ length: 8 }, (_, i) => view.getUint32(4 * i, true));
}

/** The quarter round of RFC 8439, section 2.1, on four of the sixteen words. */
function quarterRound(x: Int32Array, a: number, b: number, c: number, d: number): void {
  let xa = x[a]!;
  let xb = x[b]!;
  let xc = x[c]!;
  let xd = x[d]!;
  xa = (xa + xb) | 0;
  xd ^= xa;
  xd = (xd << 16) | (xd >>> 16);
  xc = (xc + xd) | 0;
  xb ^= xc;
  xb = (xb << 12) | (xb >>> 20);
  xa = (xa + xb) | 0;
  xd ^= xa;
  xd = (xd << 8) | (xd >>> 24);
  xc = (xc + xd) | 0;
  xb ^= xc;
  xb = (xb << 7) | (xb >>> 25);
  x[a] = xa;
  x[b] = xb;
  x[c] = xc;
  x[d] = xd;
}

/**
 * The block function of RFC 8439, section 2.3, with a nonce of zeros.
 * @param out - the sixteen words of the block, from `at` on
 * @param key - eight words
 * @param counter - number of the block, 0 .. 2^32 - 1
 */
export function chachaBlock(out: Uint32Array, at: number, key: Uint32Array, counter: number): void {
  const start = new Int32Array(blockWords);
  start.set(constants);
  start.set(key, 4);
  start[12] = counter;
  const x = start.slice();
  for (let round = 0; round < 20; round += 2) {
    quarterRound(x, 0, 4, 8, 12);
    quarterRound(x, 1, 5, 9, 13);
    quarterRound(x, 2, 6, 10, 14);
    quarterRound(x, 3, 7, 11, 15);
    quarterRound(x, 0, 5, 10, 15);
    quarterRound(x, 1, 6, 11, 12);
    quarterRound(x, 2, 7, 8, 13);
    quarterRound(x, 3, 4, 9, 14);
  }
  for (let i = 0; i < blockWords; i++) out[at + i] = x[i]! + start[i]!;
}

/**
 * The keystream word by word, for short draws (a shuffle, a few coordinates); vectors go through ../vector/masking.ts.
 * @throws FederatedError BAD_ARGUMENT unless the key has 32 bytes
 */
export class Prg {
  readonly #key: Uint32Array;
  readonly #block = new Uint32Array(blockWords);
  #counter: number;
  #used = blockWords;

  /** @param firstBlock - the block at which the stream starts */
  constructor(key: Uint8Array, firstBlock = 0) {
    this.#key = keyWords(key);
    this.#counter = firstBlock;
  }

  /** Uniform over 0 .. 2^32 - 1. */
  u32(): number {
    if (this.#used === blockWords) {
      chachaBlock(this.#block, 0, this.#key, this.#counter++);
      this.#used = 0;
    }
    return this.#block[this.#used++]!;
  }

  /** Uniform over 0 .. limit - 1, without bias: words of the incomplete last stretch are passed over. @param limit - 1 .. 2^32 */
  below(limit: number): number {
    const whole = 2 ** 32 - (2 ** 32 % limit);
    let word = this.u32();
    while (word >= whole) word = this.u32();
    return word % limit;
  }

  /** The next words of the stream, as many as `out` has. */
  fill(out: Uint32Array): void {
    for (let i = 0; i < out.length; i++) out[i] = this.u32();
  }

  /** Forgets the key and what was drawn; the generator is of no use afterwards. */
  wipe(): void {
    this.#key.fill(0);
    this.#block.fill(0);
  }
}
