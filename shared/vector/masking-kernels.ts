import { fromHex } from '../bytes.ts';
import bytes from './kernels/masking.wasm.ts';

/** Words worked on at a time: 64 KiB, which stay in the processor's second cache while key after key is added. */
export const tileWords = 16_384;

/** The kernels of kernels/masking.as.ts, as described there, and the memory that they work in. */
export interface MaskingKernels {
  mask(words: number, count: number, key: number, block: number, sign: number, modulus: number): void;
  add(words: number, terms: number, count: number, sign: number, modulus: number): void;
  quantise(out: number, values: number, count: number, factor: number, limit: number, modulus: number): void;
  /** Two tiles and a key, with their addresses. */
  readonly tile: { readonly at: number; readonly words: Uint32Array; readonly bytes: Uint8Array };
  readonly terms: {
    readonly at: number;
    readonly words: Uint32Array;
    readonly bytes: Uint8Array;
    readonly floats: Float32Array;
  };
  readonly key: { readonly at: number; readonly bytes: Uint8Array };
}

let loaded: MaskingKernels | null | undefined;

/**
 * The kernels, made at the first call and shared by everyone in this thread: a call copies a tile in and out again, so one
 * small memory serves vectors of any length. Null where there is no WebAssembly with SIMD, or a policy forbids it.
 */
export function maskingKernels(): MaskingKernels | null {
  if (loaded === undefined) {
    try {
      loaded = load();
    } catch {
      loaded = null;
    }
  }
  return loaded;
}

function load(): MaskingKernels {
  const memory = new WebAssembly.Memory({ initial: 3, maximum: 3 });
  const module = new WebAssembly.Module(fromHex(bytes));
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const { mask, add, quantise } = exports as unknown as MaskingKernels;
  const { buffer } = memory;
  const termsAt = 4 * tileWords;
  const keyAt = 8 * tileWords;
  return {
    mask,
    add,
    quantise,
    tile: { at: 0, words: new Uint32Array(buffer, 0, tileWords), bytes: new Uint8Array(buffer, 0, 4 * tileWords) },
    terms: {
      at: termsAt,
      words: new Uint32Array(buffer, termsAt, tileWords),
      bytes: new Uint8Array(buffer, termsAt, 4 * tileWords),
      floats: new Float32Array(buffer, termsAt, tileWords),
    },
    key: { at: keyAt, bytes: new Uint8Array(buffer, keyAt, 32) },
  };
}
