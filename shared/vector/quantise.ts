import type { Keystreams } from '../crypto/primitives.ts';
import { FederatedError } from '../errors.ts';
import { maskingKernels, tileWords } from './masking-kernels.ts';
import { checkModulusBits, worthACipher } from './masking.ts';
import { modulusMask, plainMask, plainQuantise } from './plain-masking.ts';

export interface NoiseOptions {
  /** The platform's (`primitives.keystreams`), of which ChaCha20 is taken for vectors long enough to gain from it. */
  readonly keystreams?: Keystreams | undefined;
  /** False takes the plain reference. */
  readonly wasm?: boolean;
}

/**
 * Fixed point with stochastic rounding, in one pass: out[i] = clamp(floor(values[i] * factor + u_i), -limit, limit) as a word
 * of Z_2^M in two's complement, computed in float64. u_i is word i of the ChaCha20 keystream of `noiseKey` over 2^32, uniform
 * on [0, 1), so that away from the limit the mean of out[i] is values[i] * factor to within 2^-32.
 *
 * @param out - length d, overwritten
 * @param values - length d, finite (a NaN becomes 0)
 * @param factor - quanta per unit of value: clip factor times scale times weight
 * @param noiseKey - 32 bytes, fresh for each vector
 * @param limit - a whole number, 0 .. 2^31 - 1
 * @param modulusBits - M, 1 .. 32; the caller sees to it that the limit fits
 * @throws FederatedError BAD_ARGUMENT
 */
export function quantise(
  out: Uint32Array,
  values: Float32Array,
  factor: number,
  noiseKey: Uint8Array,
  limit: number,
  modulusBits: number,
  { keystreams = {}, wasm = true }: NoiseOptions = {},
): void {
  check(out, values, factor, noiseKey, limit);
  checkModulusBits(modulusBits);
  const kernels = wasm ? maskingKernels() : null;
  if (kernels === null) {
    out.fill(0);
    plainMask(out, noiseKey, 1, 32, 0);
    plainQuantise(out, values, factor, limit, modulusBits);
    return;
  }
  const { tile, terms, key } = kernels;
  const modulus = modulusMask(modulusBits);
  const noise = values.length < worthACipher ? undefined : keystreams.chacha20?.(noiseKey, 0);
  key.bytes.set(noiseKey);
  for (let start = 0; start < values.length; start += tileWords) {
    const count = Math.min(tileWords, values.length - start);
    const whole = Math.ceil(count / 64) * 64;
    if (noise !== undefined) tile.bytes.set(noise(4 * count));
    else {
      tile.words.fill(0, 0, whole);
      kernels.mask(tile.at, whole, key.at, start / 16, 0, -1);
    }
    terms.floats.set(values.subarray(start, start + count));
    kernels.quantise(tile.at, terms.at, Math.ceil(count / 4) * 4, factor, limit, modulus);
    out.set(tile.words.subarray(0, count), start);
  }
  for (const used of [key.bytes, tile.words, terms.words]) used.fill(0);
}

function check(out: Uint32Array, values: Float32Array, factor: number, noiseKey: Uint8Array, limit: number): void {
  const reason =
    out.length !== values.length
      ? `out has ${out.length} words for ${values.length} values`
      : noiseKey.length !== 32
        ? `the noise key has ${noiseKey.length} bytes, expected 32`
        : !Number.isFinite(factor)
          ? `the factor is ${factor}, expected a finite number`
          : !Number.isInteger(limit) || limit < 0 || limit >= 2 ** 31
            ? `the limit is ${limit}, expected a whole number below 2^31`
            : undefined;
  if (reason !== undefined) throw new FederatedError('BAD_ARGUMENT', `quantise: ${reason}`);
}
