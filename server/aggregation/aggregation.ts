import type { RoundSum, ClosedSum } from './round-sum.ts';
import { clearCheck, type UpdateCheck } from '../uploads/update-check.ts';
import type { ClosedSet } from './update-set.ts';
import type { Upload } from '../uploads/uploads.ts';

/** What became of a whole update. */
export interface Added {
  /** Resolves when it is in the sum and its bytes are no longer needed; null when that is so already. */
  readonly done: Promise<void> | null;
  /** What its client has trained on, where that can be known. */
  readonly examples: number | null;
  /** What else the operator may see of it. */
  readonly seen: Readonly<Record<string, unknown>>;
}

/** What a strategy and the record of the round need of its reports. */
export type ClosedReports = ClosedSum | ClosedSet;

/** Where the reports of an attempt are added: in clear, kept one by one, or masked. */
export interface Aggregation {
  readonly encoding: 'float32' | 'masked';
  /** Length of an update on the wire. */
  readonly bytes: number;
  newCheck(): UpdateCheck;
  /**
   * Adds a whole update.
   * @param factor - it is multiplied by, where that differs from 1
   * @throws FederatedError when it cannot be taken any more
   */
  add(upload: Upload, factor?: number): Added;
  /** The sums, or the updates themselves, once no more reports come. */
  close(): Promise<ClosedReports>;
  /** Ends without a sum; resolves when no memory is in use any more. */
  abandon(): Promise<void>;
}

/** Exact sums of updates in clear. */
export class PlainAggregation implements Aggregation {
  readonly encoding = 'float32';
  readonly bytes: number;
  readonly #sum: RoundSum;
  readonly #maxNorm: number;
  readonly #clippingNorm: number;

  /**
   * @param sum - empty, with room for the cohort
   * @param clippingNorm - an update of larger L2 norm is scaled down to it; null: never
   */
  constructor(
    sum: RoundSum,
    { maxUpdateNorm, clippingNorm }: { readonly maxUpdateNorm: number; readonly clippingNorm: number | null },
  ) {
    this.#sum = sum;
    this.#maxNorm = maxUpdateNorm;
    this.#clippingNorm = clippingNorm ?? Infinity;
    this.bytes = 4 * sum.length;
  }

  newCheck(): UpdateCheck {
    return clearCheck(this.#maxNorm);
  }

  add({ report, bytes, check }: Upload, factor = 1): Added {
    const { examples, metrics } = report;
    const values = new Float32Array(bytes.buffer, 0, this.#sum.length);
    const norm = check.norm() ?? 0;
    if (factor !== 1) scale(values, factor);
    if (norm > this.#clippingNorm) scale(values, this.#clippingNorm / norm);
    const done = this.#sum.add({ values, examples, metrics });
    return { done, examples, seen: { examples, norm, metrics } };
  }

  async close(): Promise<ClosedSum> {
    await this.#sum.settled();
    return this.#sum;
  }

  async abandon(): Promise<void> {
    await this.#sum.settled();
  }
}

function scale(values: Float32Array, factor: number): void {
  for (let i = 0; i < values.length; i++) values[i]! *= factor;
}
