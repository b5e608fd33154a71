import { seeded } from '../random.ts';
import type { Examples } from './engine.ts';

/** The order of a client's examples in one epoch: a permutation of 0 .. count - 1, the same for the same arguments. */
export const epochOrder = (seed: number | string, round: number, epoch: number, count: number): Uint32Array =>
  seeded(seed, 'batches', round, epoch).permutation(count);

/**
 * Copies batches of examples in a given order into one buffer that every batch shares: a batch is good until the next.
 */
export class BatchReader {
  readonly #examples: Examples;
  readonly #features: number;
  readonly #targets: number;
  readonly #xs: Float32Array;
  readonly #ys: Int32Array | Float32Array;

  /** @param batchSize - 1 or more; the largest batch that will be read */
  constructor(examples: Examples, batchSize: number) {
    this.#examples = examples;
    this.#features = examples.xs.length / examples.count;
    this.#targets = examples.ys.length / examples.count;
    this.#xs = new Float32Array(batchSize * this.#features);
    const length = batchSize * this.#targets;
    this.#ys = examples.ys instanceof Int32Array ? new Int32Array(length) : new Float32Array(length);
  }

  /** The examples that `order` names from `from` to `to` (exclusive). */
  read(order: Uint32Array, from: number, to: number): Examples {
    const { xs, ys } = this.#examples;
    const features = this.#features;
    const targets = this.#targets;
    for (let i = from; i < to; i++) {
      const index = order[i]!;
      this.#xs.set(xs.subarray(index * features, (index + 1) * features), (i - from) * features);
      this.#ys.set(ys.subarray(index * targets, (index + 1) * targets), (i - from) * targets);
    }
    const count = to - from;
    return { xs: this.#xs.subarray(0, count * features), ys: this.#ys.subarray(0, count * targets), count };
  }
}
