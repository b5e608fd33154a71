import type { UpdateMeasure } from '../host.ts';
import type { UpdateCheck } from '../uploads/update-check.ts';
import type { Upload } from '../uploads/uploads.ts';
import type { Added, Aggregation, ClosedReports } from './aggregation.ts';

/** An aggregation in clear that shows a measure every update before it is added. */
export class MeasuredAggregation implements Aggregation {
  readonly encoding: Aggregation['encoding'];
  readonly bytes: number;
  readonly #inner: Aggregation;
  readonly #measure: UpdateMeasure;
  readonly #length: number;

  /** @param length - d: what follows in an update is the strategy's own */
  constructor(inner: Aggregation, measure: UpdateMeasure, length: number) {
    this.encoding = inner.encoding;
    this.bytes = inner.bytes;
    this.#inner = inner;
    this.#measure = measure;
    this.#length = length;
  }

  newCheck(): UpdateCheck {
    return this.#inner.newCheck();
  }

  add(upload: Upload, factor?: number): Added {
    this.#measure.add(new Float32Array(upload.bytes.buffer, 0, this.#length));
    return this.#inner.add(upload, factor);
  }

  close(): Promise<ClosedReports> {
    return this.#inner.close();
  }

  abandon(): Promise<void> {
    return this.#inner.abandon();
  }
}
