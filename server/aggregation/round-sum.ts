import { ExactSum } from '../../shared/vector/exact-sum.ts';
import type { NamedSum } from '../strategies/strategy.ts';
import type { ClosedSum } from './aggregation.ts';

/** What one counted report brings. */
export interface Term {
  /** as many as the sum has coordinates, finite, norm within the bound */
  readonly values: Float32Array;
  readonly examples: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** The metrics that are averaged over the clients; others are not kept. */
const averagedMetrics = ['loss', 'accuracy'] as const;
const maxMetric = 1e9;

export interface RoundSumOptions {
  /** Coordinates of an update. */
  readonly length: number;
  /** Numbers beside it that every report has, checked against their bounds. */
  readonly named?: readonly NamedSum[];
  readonly weighting: 'examples' | 'uniform';
  /** Bounds that every report has been checked against; with `maxReports` they set the grid of the exact sums. */
  readonly maxExamples: number;
  readonly maxUpdateNorm: number;
  readonly maxReports: number;
}

/** Elements added before other work gets its turn: about a millisecond. */
const sliceLength = 512 * 1024;

/** The running sums of one round: the updates, their weights, and the clients' metrics. Order of arrival does not matter. */
export class RoundSum implements ClosedSum {
  readonly length: number;
  reports = 0;
  weight = 0;
  examples = 0;
  readonly #weighting: 'examples' | 'uniform';
  readonly #updates: ExactSum;
  readonly #metrics: Record<string, { readonly sum: ExactSum; weight: number }> = {};
  readonly #named: Record<string, ExactSum> = {};
  readonly #maxReports: number;
  #last: Promise<void> = Promise.resolve();
  /** Reports that are not in the sum yet: slices of one may be written still after its round was given up. */
  #adding = 0;

  constructor(options: RoundSumOptions) {
    this.length = options.length;
    this.#maxReports = options.maxReports;
    this.#weighting = options.weighting;
    const maxWeight = options.weighting === 'examples' ? options.maxExamples : 1;
    this.#updates = new ExactSum(options.length, {
      maxTerm: maxWeight * options.maxUpdateNorm,
      maxTerms: options.maxReports,
    });
    for (const { name, bound } of options.named ?? []) {
      this.#named[name] = new ExactSum(1, { maxTerm: maxWeight * bound, maxTerms: options.maxReports });
    }
    for (const name of averagedMetrics) {
      const bounds = { maxTerm: options.maxExamples * maxMetric, maxTerms: options.maxReports };
      this.#metrics[name] = { sum: new ExactSum(1, bounds), weight: 0 };
    }
  }

  /**
   * Empty sums for the next round of the same run: the last round's, when they are as large and nothing is written to them
   * any more, so that memory is reused.
   */
  static reuse(last: RoundSum | null, options: RoundSumOptions): RoundSum {
    const maxReports = 2 ** Math.ceil(Math.log2(options.maxReports));
    const isFree = last !== null && last.#maxReports === maxReports && last.#adding === 0;
    if (!isFree) return new RoundSum({ ...options, maxReports });
    last.#clear();
    return last;
  }

  /** Adds a report in slices, one report after the other, so that a large model does not hold up the event loop. */
  add(term: Term): Promise<void> {
    this.#adding++;
    this.#last = this.#last.then(() => this.#addNow(term));
    return this.#last;
  }

  /** Resolves when every report handed to `add` is in the sum. */
  settled(): Promise<void> {
    return this.#last;
  }

  async #addNow({ values, examples, metrics }: Term): Promise<void> {
    const weight = this.#weighting === 'examples' ? examples : 1;
    for (let start = 0; start < values.length; start += sliceLength) {
      if (start > 0) await new Promise((resolve) => setImmediate(resolve));
      this.#updates.add(values.subarray(start, start + sliceLength), weight, start);
    }
    this.reports++;
    this.weight += weight;
    this.examples += examples;
    for (const [name, sum] of Object.entries(this.#named)) sum.add(Float64Array.of(metrics[name]!), weight);
    for (const name of averagedMetrics) {
      const value = metrics[name];
      const total = this.#metrics[name]!;
      if (value === undefined || Math.abs(value) > maxMetric) continue;
      total.sum.add(Float64Array.of(value), examples);
      total.weight += examples;
    }
    this.#adding--; // not when it has failed: what is in the sum then is of no use
  }

  mean(index: number): number {
    return this.#updates.at(index) / this.weight;
  }

  namedMean(name: string): number {
    return this.#named[name]!.at(0) / this.weight;
  }

  metricMeans(): Record<string, number> {
    const means: Record<string, number> = {};
    for (const [name, { sum, weight }] of Object.entries(this.#metrics)) {
      if (weight > 0) means[`train/${name}`] = sum.at(0) / weight;
    }
    for (const name of Object.keys(this.#named)) means[`train/${name}`] = this.namedMean(name);
    return means;
  }

  #clear(): void {
    this.#updates.clear();
    for (const sum of Object.values(this.#named)) sum.clear();
    for (const total of Object.values(this.#metrics)) {
      total.sum.clear();
      total.weight = 0;
    }
    this.reports = 0;
    this.weight = 0;
    this.examples = 0;
  }
}
