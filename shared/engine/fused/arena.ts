import { FederatedError } from '../../errors.ts';

const page = 65_536;
const maxPages = 65_536; // 4 GiB: all that a 32-bit address reaches
/** What may be read, never used, behind the end of a matrix; see source/product.as.ts. */
const guard = 64;

/**
 * One WebAssembly memory that holds everything of an engine: first what stays (weights, gradients, state of the optimizer),
 * then the buffers of a batch, which are laid out anew when a larger batch comes.
 */
export class Arena {
  readonly memory = new WebAssembly.Memory({ initial: 1, maximum: maxPages });
  #end = guard;

  /** Address of `count` floats, at a multiple of 64 bytes; not to be used before `commit`. */
  reserve(count: number): number {
    const at = this.#end;
    this.#end += Math.ceil((4 * count + guard) / 64) * 64;
    return at;
  }

  /** The end of what is reserved, for `release`. */
  mark(): number {
    return this.#end;
  }

  /** Forgets what was reserved since `mark`. */
  release(mark: number): void {
    this.#end = mark;
  }

  /**
   * Makes the memory large enough for all that is reserved. New memory is zero, reused memory is not.
   * @throws FederatedError BAD_MODEL when there is not so much
   */
  commit(): void {
    const missing = Math.ceil(this.#end / page) - this.memory.buffer.byteLength / page;
    if (missing <= 0) return;
    try {
      this.memory.grow(missing);
    } catch (cause) {
      const megabytes = Math.ceil(this.#end / 1e6);
      throw new FederatedError('BAD_MODEL', `model: training needs ${megabytes} MB; use smaller batches`, { cause });
    }
  }

  /** A view, good until the next `commit`. */
  floats(at: number, count: number): Float32Array {
    return new Float32Array(this.memory.buffer, at, count);
  }

  /** A view, good until the next `commit`. */
  integers(at: number, count: number): Int32Array {
    return new Int32Array(this.memory.buffer, at, count);
  }
}
