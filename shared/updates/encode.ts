import type { Keystreams } from '../crypto/primitives.ts';
import { FederatedError } from '../errors.ts';
import { clipFactor } from './clip.ts';
import { writeCounter } from './counters.ts';
import { wordLayout } from './layout.ts';
import { checkNamed, writeMetrics } from './metrics.ts';
import type { UpdatePlan } from './plan.ts';
import { quantiseUpdate } from './quantise.ts';
import { weightOf } from './weigh.ts';

/** What a client has to add to the sum. */
export interface Contribution {
  /** length d: new weights minus old, unclipped and unweighted */
  readonly delta: Float32Array;
  /** What it has trained on, 1 to the plan's `maxExamples`. */
  readonly examples: number;
  /** Means over its examples, by the plan's names; others are not sent. */
  readonly metrics: Readonly<Record<string, number>>;
}

/**
 * The client half of the pipeline up to the mask: clip, weigh, quantise, append weight, examples and metrics.
 * @param noiseKey - 32 fresh bytes from a cryptographic generator, used for this one call and then forgotten
 * @param keystreams - the platform's (`primitives.keystreams`), for speed alone
 * @returns words of Z_2^M, as many as the plan's layout has, to be masked and packed
 * @throws FederatedError WRONG_SHAPE, NOT_FINITE, BAD_EXAMPLES or BAD_PLAN; nothing has left the client then
 */
export function encodeUpdate(
  plan: UpdatePlan,
  contribution: Contribution,
  noiseKey: Uint8Array,
  keystreams: Keystreams = {},
): Uint32Array {
  const { delta, examples, metrics } = contribution;
  if (delta.length !== plan.dimension) {
    throw new FederatedError(
      'WRONG_SHAPE',
      `update: ${delta.length} values, but this round's plan has ${plan.dimension}; model and plan do not belong together`,
    );
  }
  const clip = clipFactor(delta, plan.clippingNorm);
  const weight = weightOf(plan, examples);
  checkNamed(plan, metrics);
  const layout = wordLayout(plan);
  const words = new Uint32Array(layout.words);
  quantiseUpdate(plan, words.subarray(0, plan.dimension), delta, { clip, weight, noiseKey, keystreams });
  writeCounter(layout.format, words.subarray(layout.weight.start, layout.weight.end), weight);
  writeCounter(layout.format, words.subarray(layout.examples.start, layout.examples.end), examples);
  writeMetrics(layout, words, { examples, weight }, metrics);
  return words;
}
