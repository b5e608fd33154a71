import type { GeneratorName, Keystreams } from '../../shared/crypto/primitives.ts';
import { asFederatedError } from '../../shared/errors.ts';
import { MaskAdder } from '../../shared/vector/masking.ts';

/** From the server to a masking thread, which answers every job once. */
export interface MaskJob {
  /** The whole vector, in memory that all threads share. */
  readonly words: Uint32Array;
  readonly modulusBits: number;
  readonly generator: GeneratorName;
  /** 32 bytes each, a copy for this thread alone: the keys to add, then those to take away. */
  readonly keys: Uint8Array;
  /** So many of the keys are added. */
  readonly plus: number;
  /** Words of a part: a multiple of 16. */
  readonly part: number;
  /** One word in shared memory: the next part of the vector that no thread has taken yet. */
  readonly next: Int32Array;
}

export interface MaskAnswer {
  /** Null, or why not all masks of this thread's parts are applied. */
  readonly fault: string | null;
}

/** Takes part after part of the vector until none is left, and overwrites the keys. */
export function runMaskJob(job: MaskJob, keystreams: Keystreams): MaskAnswer {
  const { words, modulusBits, generator, keys, plus, part, next } = job;
  try {
    const each = Array.from({ length: keys.length / 32 }, (_, i) => keys.subarray(32 * i, 32 * (i + 1)));
    const parts = Math.ceil(words.length / part);
    for (let i = Atomics.add(next, 0, 1); i < parts; i = Atomics.add(next, 0, 1)) {
      const own = words.subarray(i * part, (i + 1) * part);
      const adder = new MaskAdder(own, modulusBits, { generator, keystreams, firstWord: i * part });
      adder.apply(each.slice(0, plus), each.slice(plus));
    }
    return { fault: null };
  } catch (thrown) {
    return { fault: asFederatedError(thrown).message };
  } finally {
    keys.fill(0);
  }
}
