import { counterFormat, digitCount, type CounterFormat } from './counters.ts';
import { metricFractionBits, type UpdatePlan } from './plan.ts';

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
  /** Sum of examples * value. */
  readonly total: CounterPlace;
  /** Sum of the examples of the clients that have a value. */
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
  const metrics = plan.metrics.map(({ name, bound }) => {
    const fractionBits = metricFractionBits(plan, bound);
    const total = place(Math.ceil(plan.maxExamples * bound * 2 ** fractionBits));
    return { name, fractionBits, valueBound: bound, total, examples: place(plan.maxExamples) };
  });
  return { words, format, weight, examples, metrics };
}
