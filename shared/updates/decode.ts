import { FederatedError } from '../errors.ts';
import { readCounter, signedWord } from './counters.ts';
import { wordLayout, type CounterPlace, type WordLayout } from './layout.ts';
import { readMetric, type MetricSum } from './metrics.ts';
import { largestTerm, type UpdatePlan } from './plan.ts';
import { stepsPerUnit } from './quantise.ts';
import { meanOf } from './weigh.ts';

/**
 * The server half of the pipeline: what the unmasked sum of the clients' words says. Nothing in it belongs to one client.
 * It fits what a strategy reads (`length`, `reports`, `weight`, `mean`).
 */
export class DecodedSum {
  /** d */
  readonly length: number;
  /** Clients in the sum. */
  readonly reports: number;
  /** Sum of the weights, exact. */
  readonly weight: number;
  /** Sum of the examples, exact. */
  readonly examples: number;
  /** By the plan's names. */
  readonly metrics: Readonly<Record<string, MetricSum>>;
  readonly #words: Uint32Array;
  readonly #plan: UpdatePlan;
  readonly #stepsPerUnit: number;

  /**
   * @param words - the sum modulo 2^M, as many words as the plan's layout has; kept, not copied
   * @param clients - how many clients' words are in it
   * @throws FederatedError WRONG_SHAPE for another number of words; BAD_SUM when no clients that follow the plan could
   * have given this sum
   */
  constructor(plan: UpdatePlan, words: Uint32Array, clients: number) {
    const layout = wordLayout(plan);
    if (words.length !== layout.words) {
      throw new FederatedError('WRONG_SHAPE', `sum: ${words.length} words, expected ${layout.words}`);
    }
    if (!Number.isInteger(clients) || clients < 1 || clients > plan.maxCohort) {
      throw new FederatedError('BAD_ARGUMENT', `sum: ${clients} clients, expected 1 to ${plan.maxCohort}`);
    }
    const counter = (name: string, place: CounterPlace, least: number): number => {
      const value = readCounter(layout.format, words.subarray(place.start, place.end));
      return within(name, value, least, clients * place.bound);
    };
    this.length = plan.dimension;
    this.reports = clients;
    this.weight = counter('weight', layout.weight, clients);
    this.examples = counter('examples', layout.examples, clients);
    this.metrics = readMetrics(layout, words, this);
    this.#words = words;
    this.#plan = plan;
    this.#stepsPerUnit = stepsPerUnit(plan);
    this.#checkCoordinates();
  }

  /** Coordinate i of the sum in steps, signed. */
  steps(index: number): number {
    return signedWord(this.#words[index]!, this.#plan.modulusBits);
  }

  /** Coordinate i of sum(w * delta) / sum(w), in float64; in units of the weights. */
  mean(index: number): number {
    return meanOf(this.steps(index), this.#stepsPerUnit, this.weight);
  }

  /** The mean of a number that belongs to the update, by the same weights. */
  namedMean(name: string): number {
    return this.metrics[name]!.total / this.weight;
  }

  /** The whole mean, length d, rounded to float32. */
  means(): Float32Array {
    const means = new Float32Array(this.length);
    for (let i = 0; i < means.length; i++) means[i] = this.mean(i);
    return means;
  }

  /** Means of the metrics over the clients that had them. */
  metricMeans(): Record<string, number> {
    return Object.fromEntries(
      Object.entries(this.metrics)
        .filter(([, { examples }]) => examples > 0)
        .map(([name, { total, examples }]) => [name, total / examples]),
    );
  }

  /** The sum of weights bounds every coordinate: |sum(w * q)| <= sum(w) * 2^(b-1). */
  #checkCoordinates(): void {
    const limit = this.weight * largestTerm({ ...this.#plan, maxWeight: 1 });
    const { modulusBits } = this.#plan;
    const words = this.#words;
    for (let i = 0; i < this.length; i++) {
      if (Math.abs(signedWord(words[i]!, modulusBits)) > limit) within(`coordinate ${i}`, this.steps(i), -limit, limit);
    }
  }
}

function readMetrics(
  layout: WordLayout,
  words: Uint32Array,
  { examples, weight }: { readonly examples: number; readonly weight: number },
): Record<string, MetricSum> {
  const sums: Record<string, MetricSum> = {};
  for (const place of layout.metrics) {
    const sum = readMetric(layout, words, place);
    if (place.withUpdate) within(`weight of ${place.name}`, sum.examples, weight, weight);
    else within(`examples of ${place.name}`, sum.examples, 0, examples);
    // Each client rounds to a whole step, and |examples * value| is at most examples * bound.
    const bound = sum.examples * place.valueBound + sum.examples * 2 ** -place.fractionBits;
    within(place.name, sum.total, -bound, bound);
    sums[place.name] = sum;
  }
  return sums;
}

/** @throws FederatedError BAD_SUM */
function within(name: string, value: number, least: number, most: number): number {
  if (value >= least && value <= most) return value;
  throw new FederatedError(
    'BAD_SUM',
    `sum: ${name} is ${value}, outside ${least} to ${most}: a client did not follow the plan, so the sum is of no use`,
  );
}
