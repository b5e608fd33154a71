import { FederatedError } from '../errors.ts';
import { readCounter, writeCounter } from './counters.ts';
import type { MetricPlace, WordLayout } from './layout.ts';
import type { UpdatePlan } from './plan.ts';

/**
 * Means of metrics over the clients, weighted by examples, without any client's value being seen: the vector carries
 * examples * value as a multiple of 2^-f, and beside it the examples of those clients that have such a value at all. Metrics
 * that belong to the update are weighed as it is.
 */

/**
 * What belongs to the update must be there.
 * @throws FederatedError BAD_PLAN naming the number that is missing, not finite or beyond its bound
 */
export function checkNamed({ metrics }: Pick<UpdatePlan, 'metrics'>, values: Readonly<Record<string, number>>): void {
  for (const { name, bound, withUpdate } of metrics) {
    const value = Object.hasOwn(values, name) ? values[name]! : Number.NaN;
    if (withUpdate !== true || Math.abs(value) <= bound) continue;
    const what = Number.isNaN(value) ? 'missing' : value;
    const message = `update: this run needs "${name}" of at most ${bound} beside the update, and it is ${what}`;
    throw new FederatedError('BAD_PLAN', message);
  }
}

/**
 * Client half.
 * @param values - by name; one that is missing, not finite or beyond its bound is left out of the mean
 */
export function writeMetrics(
  { format, metrics }: WordLayout,
  words: Uint32Array,
  { examples, weight }: { readonly examples: number; readonly weight: number },
  values: Readonly<Record<string, number>>,
): void {
  for (const { name, fractionBits, valueBound, withUpdate, total, examples: counted } of metrics) {
    const value = Object.hasOwn(values, name) ? values[name]! : Number.NaN;
    const isUsable = Math.abs(value) <= valueBound; // false for NaN
    const by = withUpdate ? weight : examples;
    const steps = isUsable ? Math.round(by * value * 2 ** fractionBits) : 0;
    writeCounter(format, words.subarray(total.start, total.end), steps);
    writeCounter(format, words.subarray(counted.start, counted.end), isUsable ? by : 0);
  }
}

/** A metric over all clients of a sum. */
export interface MetricSum {
  /** Sum of examples (or weight) * value over the clients that have a value; a multiple of 2^-f, exact. */
  readonly total: number;
  /** Sum of their examples (or weights); 0 when none had a value. */
  readonly examples: number;
}

/** Server half: the sums of one metric, from the sums of all words. */
export function readMetric({ format }: WordLayout, words: Uint32Array, place: MetricPlace): MetricSum {
  const steps = readCounter(format, words.subarray(place.total.start, place.total.end));
  const examples = readCounter(format, words.subarray(place.examples.start, place.examples.end));
  return { total: steps * 2 ** -place.fractionBits, examples };
}
