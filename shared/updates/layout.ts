import { counterFormat, digitCount, type CounterFormat } from './counters.ts';
import { metricFractionBits, mostWeight, type UpdatePlan } from './plan.ts';

/** Words `start` to `end - 1` of the vector hold one counter, whose absolute value at one client is at most `bound`. */
export interface CounterPlace {
  readonly start: number;
  readonly end: number;
  readonly bound: number;
}

export interface MetricPlace {
  readonly name: string;
  /** f: the total counts in steps of 2^-f. */
  readonly fractionBits: number;
  readonly valueBound: number;
  /** Weighed as the update is, and present at every client; else weighed by examples. */
  readonly withUpdate: boolean;
  /** Sum of examples (or weight) * value. */
  readonly total: CounterPlace;
  /** Sum of the examples (or weights) of the clients that have a value. */
  readonly examples: CounterPlace;
}

/** Where everything lies in a client's vector: the d coordinates first, then the counters. */
export interface WordLayout {
  /** Words in all. */
  readonly words: number;
  readonly format: CounterFormat;
  readonly weight: CounterPlace;
  readonly examples: CounterPlace;
  readonly metrics: readonly MetricPlace[];
}

export function wordLayout(plan: UpdatePlan): WordLayout {
  const format = counterFormat(plan.modulusBits, plan.maxCohort);
  let words = plan.dimension;
  const place = (bound: number): CounterPlace => {
    const start = words;
    words += digitCount(format, bound);
    return { start, end: words, bound };
  };
  const weight = place(plan.maxWeight);
  const examples = place(plan.maxExamples);
  const metrics = plan.metrics.map((metric) => {
    const { name, bound, withUpdate = false } = metric;
    const fractionBits = metricFractionBits(plan, metric);
    const most = mostWeight(plan, metric);
    const total = place(Math.ceil(most * bound * 2 ** fractionBits));
    return { name, fractionBits, valueBound: bound, withUpdate, total, examples: place(most) };
  });
  return { words, format, weight, examples, metrics };
}
