import { clearCheck, type UpdateCheck } from '../uploads/update-check.ts';
import type { Upload } from '../uploads/uploads.ts';
import type { Added, Aggregation, ClosedSum } from './aggregation.ts';
import type { RoundSum } from './round-sum.ts';

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
