import * as v from 'valibot';
import { utf8 } from '../bytes.ts';
import type { Primitives } from '../crypto/primitives.ts';
import { FederatedError } from '../errors.ts';
import { canonicalJson } from '../tasks/task.ts';

/**
 * How every client of a round turns its update into words of Z_2^M, so that the words of all clients can be added without
 * overflow and the sum be read. Plain JSON, the same bytes for everyone; its SHA-256 enters the round's context.
 */

const natural = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(max));
const positive = v.pipe(v.number(), v.finite(), v.gtValue(0));
const bits = (min: number, max: number) => v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));

export const metricPlanSchema = v.strictObject({
  name: v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,31}$/)),
  /** Bound on |value|; a client whose value is larger, or not finite, does not take part in this mean. */
  bound: positive,
  /** Part of the update: weighed as it is, not by examples, and a client without a usable value gives no update at all. */
  withUpdate: v.optional(v.literal(true)),
});

export const updatePlanSchema = v.strictObject({
  format: v.literal('fedloom-update-1'),
  /** d: coordinates of an update */
  dimension: natural(2 ** 30),
  /** n: the most clients whose words are ever added into one sum */
  maxCohort: natural(1_000_000),
  /** M: words are numbers modulo 2^M */
  modulusBits: v.optional(bits(8, 32), 32),
  /** b: a coordinate of an update, before its weight, lies within ± 2^(b-1) steps */
  quantizationBits: bits(2, 24),
  /** C: an update of larger L2 norm is scaled down to it; in units of the weights */
  clippingNorm: positive,
  /** B: what 2^(b-1) steps stand for; coordinates beyond ± B are cut off. At most C. In units of the weights. */
  coordinateBound: positive,
  /** The weight of a client in the mean: its number of examples, at most `maxWeight`, or 1. */
  weighting: v.picklist(['examples', 'uniform']),
  /** w_max: 1 when the weighting is uniform */
  maxWeight: natural(1_000_000),
  /** Bound on a client's number of examples, which also weighs its metrics. */
  maxExamples: natural(1_000_000_000),
  metrics: v.pipe(v.array(metricPlanSchema), v.maxLength(16)),
});

export type MetricPlan = v.InferOutput<typeof metricPlanSchema>;
export type UpdatePlan = v.InferOutput<typeof updatePlanSchema>;

/**
 * A checked plan from untrusted JSON.
 * @throws FederatedError BAD_PLAN naming the field; MODULUS_OVERFLOW when the words of `maxCohort` clients could wrap
 */
export function checkUpdatePlan(value: unknown): UpdatePlan {
  const result = v.safeParse(updatePlanSchema, value, { abortEarly: true });
  if (!result.success) {
    const issue = result.issues[0];
    throw badPlan(`${v.getDotPath(issue) ?? 'value'}: ${issue.message}`);
  }
  const plan = result.output;
  const { coordinateBound, clippingNorm, weighting, maxWeight, metrics } = plan;
  if (coordinateBound > clippingNorm) {
    throw badPlan(
      `coordinateBound: ${coordinateBound} is larger than clippingNorm ${clippingNorm}, so it bounds nothing`,
    );
  }
  if (!Number.isFinite(2 ** (plan.quantizationBits - 1) / coordinateBound)) {
    throw badPlan(`coordinateBound: ${coordinateBound} is too small to be divided into steps`);
  }
  if (weighting === 'uniform' && maxWeight !== 1) {
    throw badPlan(`maxWeight: a uniform weight is 1, got ${maxWeight}`);
  }
  if (new Set(metrics.map(({ name }) => name)).size !== metrics.length) throw badPlan('metrics: a name occurs twice');
  checkOverflow(plan);
  for (const { name, bound, withUpdate } of metrics) {
    if (metricFractionBits(plan, { bound, withUpdate }) >= 0) continue;
    throw badPlan(`metrics: the sum of ${name} could exceed 2^53; lower its bound ${bound}, or maxExamples`);
  }
  return plan;
}

const badPlan = (text: string): FederatedError => new FederatedError('BAD_PLAN', `update plan: ${text}`);

/** The largest |q| that one client's weighted coordinate can have, in steps: w_max * 2^(b-1). */
export const largestTerm = ({
  maxWeight,
  quantizationBits,
}: Pick<UpdatePlan, 'maxWeight' | 'quantizationBits'>): number => maxWeight * 2 ** (quantizationBits - 1);

/**
 * n * w_max * 2^(b-1) < 2^(M-1): no sum of `maxCohort` clients leaves the range of M-bit two's complement.
 * @throws FederatedError MODULUS_OVERFLOW
 */
function checkOverflow(plan: UpdatePlan): void {
  const { maxCohort, maxWeight, quantizationBits, modulusBits } = plan;
  if (maxCohort * largestTerm(plan) < 2 ** (modulusBits - 1)) return;
  throw new FederatedError(
    'MODULUS_OVERFLOW',
    `update plan: ${maxCohort} clients x weight ${maxWeight} x 2^${quantizationBits - 1} steps do not fit below ` +
      `2^${modulusBits - 1}; lower quantizationBits, maxWeight or maxCohort, or raise modulusBits`,
  );
}

/** Finer than 2^-20 no mean of a metric need be known. */
const maxFractionBits = 20;

/**
 * f: a client's `examples * value` (or `weight * value`) is sent as a multiple of 2^-f, as fine as sums below 2^53 allow
 * (exact in float64). Negative when not even whole numbers fit.
 */
export function metricFractionBits(
  plan: Pick<UpdatePlan, 'maxCohort' | 'maxExamples' | 'maxWeight'>,
  metric: Pick<MetricPlan, 'bound' | 'withUpdate'>,
): number {
  const most = plan.maxCohort * mostWeight(plan, metric) * metric.bound;
  return Math.min(maxFractionBits, Math.floor(53 - Math.log2(most)) - 1);
}

/** The largest number that weighs a metric at one client. */
export const mostWeight = (
  { maxExamples, maxWeight }: Pick<UpdatePlan, 'maxExamples' | 'maxWeight'>,
  { withUpdate }: Pick<MetricPlan, 'withUpdate'>,
): number => (withUpdate === true ? maxWeight : maxExamples);

/** What must be said to make a plan; the rest has defaults or follows. */
export interface UpdatePlanOptions {
  readonly dimension: number;
  readonly maxCohort: number;
  readonly clippingNorm: number;
  /** Default: the clipping norm, which cuts off nothing. */
  readonly coordinateBound?: number;
  readonly modulusBits?: number;
  readonly weighting?: 'examples' | 'uniform';
  /** Default: `maxExamples` when examples weigh, else 1. */
  readonly maxWeight?: number;
  readonly maxExamples?: number;
  readonly metrics?: readonly MetricPlan[];
}

/**
 * Beyond 22 bits nothing is gained: the rounding error of a mean of n clients is then below B * 2^-21 / sqrt(n), far below
 * the float32 resolution of any weight that an update of size B changes.
 */
const usefulQuantizationBits = 22;

/**
 * A plan with the finest steps that the modulus allows, at most 22 bits. Weighing comes before rounding, so a large
 * `maxWeight` costs no resolution to the clients that use it: what counts is w * 2^(b-1).
 * @throws FederatedError BAD_PLAN; MODULUS_OVERFLOW when not even two bits fit
 */
export function makeUpdatePlan(options: UpdatePlanOptions): UpdatePlan {
  const { dimension, maxCohort, clippingNorm, coordinateBound = clippingNorm, modulusBits = 32 } = options;
  const { weighting = 'examples', maxExamples = 1_000_000, metrics = [] } = options;
  const { maxWeight = weighting === 'examples' ? maxExamples : 1 } = options;
  let quantizationBits = usefulQuantizationBits;
  const fits = (): boolean => maxCohort * largestTerm({ maxWeight, quantizationBits }) < 2 ** (modulusBits - 1);
  while (quantizationBits > 2 && !fits()) quantizationBits--;
  return checkUpdatePlan({
    format: 'fedloom-update-1',
    dimension,
    maxCohort,
    modulusBits,
    quantizationBits,
    clippingNorm,
    coordinateBound,
    weighting,
    maxWeight,
    maxExamples,
    metrics,
  });
}

/** SHA-256 (32 bytes) of the plan's canonical JSON: equal for two plans exactly when all their fields are. */
export const updatePlanHash = ({ sha256 }: Pick<Primitives, 'sha256'>, plan: UpdatePlan): Uint8Array =>
  sha256(utf8(canonicalJson(plan)));
