import { FederatedError } from '../../shared/errors.ts';
import { clearCheck, type UpdateCheck } from '../uploads/update-check.ts';
import type { Upload } from '../uploads/uploads.ts';
import type { Added, Aggregation, ClosedSet } from './aggregation.ts';
import { RoundSum } from './round-sum.ts';

/** A round whose updates would take more memory is refused, bytes. */
export const maxSetBytes = 4 * 2 ** 30;

/**
 * Keeps the updates of a round, for a strategy that needs each of them: O(clients · d) memory, one copy of each and no more.
 * They are put in order by what is in them, so that the order of arrival changes nothing.
 */
export class SetAggregation implements Aggregation {
  readonly encoding = 'float32';
  readonly bytes: number;
  readonly #length: number;
  readonly #weighting: 'examples' | 'uniform';
  readonly #maxNorm: number;
  #reports: { readonly values: Float32Array; readonly weight: number }[] = [];
  /** Of the clients' metrics and examples alone. */
  readonly #about: RoundSum;

  /** @throws FederatedError BAD_CONFIG when the updates would not fit into memory */
  constructor(options: {
    /** d */
    readonly length: number;
    readonly weighting: 'examples' | 'uniform';
    readonly maxExamples: number;
    readonly maxUpdateNorm: number;
    readonly maxReports: number;
  }) {
    const { length, weighting, maxUpdateNorm, maxReports } = options;
    this.bytes = 4 * length;
    checkSetBytes(maxReports, length);
    this.#length = length;
    this.#weighting = weighting;
    this.#maxNorm = maxUpdateNorm;
    this.#about = new RoundSum({ ...options, length: 0 });
  }

  newCheck(): UpdateCheck {
    return clearCheck(this.#maxNorm);
  }

  add({ report, bytes, check }: Upload): Added {
    const { examples, metrics } = report;
    // A copy, since the memory of the upload is used again for the next one.
    const values = new Float32Array(bytes.buffer, 0, this.#length).slice();
    this.#reports.push({ values, weight: this.#weighting === 'examples' ? examples : 1 });
    const done = this.#about.add({ values: new Float32Array(0), examples, metrics });
    return { done, examples, seen: { examples, norm: check.norm(), metrics } };
  }

  async close(): Promise<ClosedSet> {
    await this.#about.settled();
    const ordered = this.#reports.toSorted((a, b) => compare(a.values, b.values) || a.weight - b.weight);
    this.#reports = [];
    const { reports, examples } = this.#about;
    return {
      length: this.#length,
      updates: ordered.map(({ values }) => values),
      weights: ordered.map(({ weight }) => weight),
      reports,
      examples,
      metricMeans: () => this.#about.metricMeans(),
    };
  }

  async abandon(): Promise<void> {
    this.#reports = [];
    await this.#about.settled();
  }
}

/** @throws FederatedError BAD_CONFIG */
export function checkSetBytes(clients: number, length: number): void {
  const bytes = clients * length * 4;
  if (bytes <= maxSetBytes) return;
  throw new FederatedError(
    'BAD_CONFIG',
    `config: strategy: it keeps every update of a round, here ${clients} clients x ${length} weights x 4 bytes = ` +
      `${Math.ceil(bytes / 2 ** 20)} MiB, and at most ${maxSetBytes / 2 ** 20} MiB are kept; lower clientsPerRound`,
  );
}

/** By the first coordinate that differs. */
function compare(a: Float32Array, b: Float32Array): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}
