import { chachaBlock, blockWords, keyWords } from '../crypto/prg.ts';

/**
 * What the kernels of kernels/masking.as.ts compute, in plain TypeScript: the reference that they agree with bit for bit, and
 * what runs where there is no WebAssembly with SIMD. No keystream exists whole: one block of 64 bytes at a time.
 */

/** 2^M - 1 as 32 bits: the words of Z_2^M. */
export const modulusMask = (modulusBits: number): number => 0xffffffff >>> (32 - modulusBits);

/**
 * words[i] = words[i] + k_i, or - k_i, modulo 2^M.
 * @param key - 32 bytes, of the keystream k
 * @param sign - 1 or -1
 * @param firstBlock - block of the keystream that words[0] begins at
 */
export function plainMask(
  words: Uint32Array,
  key: Uint8Array,
  sign: 1 | -1,
  modulusBits: number,
  firstBlock: number,
): void {
  const modulus = modulusMask(modulusBits);
  const eight = keyWords(key);
  const block = new Uint32Array(blockWords);
  for (let start = 0, counter = firstBlock; start < words.length; start += blockWords, counter++) {
    chachaBlock(block, 0, eight, counter);
    const end = Math.min(start + blockWords, words.length);
    for (let i = start; i < end; i++) words[i] = (words[i]! + sign * block[i - start]!) & modulus;
  }
  eight.fill(0);
  block.fill(0);
}

/**
 * words[i] = words[i] + k_i, or - k_i, modulo 2^M.
 * @param bytes - the keystream k, four bytes for each word
 * @param sign - 1 or -1
 */
export function plainAddKeystream(words: Uint32Array, bytes: Uint8Array, sign: 1 | -1, modulusBits: number): void {
  const modulus = modulusMask(modulusBits);
  const keystream = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < words.length; i++) words[i] = (words[i]! + sign * keystream.getUint32(4 * i, true)) & modulus;
}

/** sum[i] = sum[i] + words[i] modulo 2^32, for as many as `words` has. */
export function plainAddWords(sum: Uint32Array, words: Uint32Array): void {
  for (let i = 0; i < words.length; i++) sum[i] = sum[i]! + words[i]!;
}

/**
 * out[i] = clamp(floor(values[i] * factor + out[i] / 2^32), -limit, limit) modulo 2^M, in float64.
 * @param out - holds the noise: words of a keystream
 */
export function plainQuantise(
  out: Uint32Array,
  values: Float32Array,
  factor: number,
  limit: number,
  modulusBits: number,
): void {
  const modulus = modulusMask(modulusBits);
  for (let i = 0; i < values.length; i++) {
    const rounded = Math.floor(values[i]! * factor + out[i]! * 2 ** -32);
    out[i] = Math.max(-limit, Math.min(limit, rounded)) & modulus;
  }
}
