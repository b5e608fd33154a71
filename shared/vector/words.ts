import { FederatedError } from '../errors.ts';
import { maskingKernels, tileWords } from './masking-kernels.ts';
import { plainAddWords } from './plain-masking.ts';

/**
 * sum[i] = sum[i] + words[i] modulo 2^32. Since 2^M divides 2^32, sums of words of Z_2^M may be taken so and kept to M bits
 * at the end.
 * @param sum - length d, changed in place
 * @param words - length d
 * @param wasm - false takes the plain reference
 * @throws FederatedError BAD_ARGUMENT when the lengths differ
 */
export function addWords(sum: Uint32Array, words: Uint32Array, wasm = true): void {
  if (sum.length !== words.length) {
    throw new FederatedError('BAD_ARGUMENT', `addWords: ${words.length} words for a sum of ${sum.length}`);
  }
  const kernels = wasm && words.length >= 64 ? maskingKernels() : null; // two copies are not worth it for less
  if (kernels === null) {
    plainAddWords(sum, words);
    return;
  }
  const { tile, terms } = kernels;
  for (let start = 0; start < words.length; start += tileWords) {
    const count = Math.min(tileWords, words.length - start);
    tile.words.set(sum.subarray(start, start + count));
    terms.words.set(words.subarray(start, start + count));
    kernels.add(tile.at, terms.at, Math.ceil(count / 16) * 16, 0, -1);
    sum.set(tile.words.subarray(0, count), start);
  }
}
