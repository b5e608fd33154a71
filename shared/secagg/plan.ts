import * as v from 'valibot';
import { utf8 } from '../bytes.ts';
import { generatorNames, usualGenerator, type GeneratorName, type Primitives } from '../crypto/primitives.ts';
import { FederatedError } from '../errors.ts';
import { canonicalJson } from '../tasks/task.ts';

/** How an aggregation runs, the same for everyone who takes part: plain JSON whose SHA-256 enters the round's context. */

const whole = (min: number, max: number) => v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));
const rate = v.pipe(v.number(), v.minValue(0), v.ltValue(1));

/** Shares of a secret at most, since x runs over the non-zero elements of GF(2^8); also the largest complete graph. */
export const maxHolders = 255;
/** Clients of one aggregation at most. */
export const maxClients = 10_000;

export const secaggPlanSchema = v.strictObject({
  format: v.literal('fedloom-secagg-1'),
  /** n_min: with fewer clients, at any step, the attempt is given up. */
  minCohort: whole(3, maxClients),
  /** The most clients whose vectors are added, for which the update plan rules out overflow. */
  maxCohort: whole(3, maxClients),
  /** Up to so many clients everyone shares with everyone; beyond, each with the neighbours of a k-regular graph. */
  completeUpTo: whole(0, maxHolders),
  /** [a, b]: on the complete graph of n clients, t = floor(a n / b) + 1 shares make a secret. */
  completeThreshold: v.pipe(
    v.strictTuple([whole(1, 100), whole(2, 100)]),
    v.check(([over, of]) => over < of && 2 * over >= of, 'expected a fraction from 1/2 to below 1'),
  ),
  /** What the k-regular graph bears: the share of corrupt clients, that of drop-outs, and with which certainty. */
  corrupt: rate,
  dropped: rate,
  /** Unsafe with chance at most 2^-sigma. 60 rather than 40, since a server can try many rosters, and thereby graphs. */
  sigma: whole(20, 128),
  /** Given up, though no more than `dropped` are gone, with chance at most 2^-eta. */
  eta: whole(1, 64),
  /** M: words are numbers modulo 2^M */
  modulusBits: whole(8, 32),
  /** d: words of a vector, with weights and metrics */
  words: whole(1, 2 ** 31),
  /** What expands the keys of masks; absent: ChaCha20, so that clients which know no other read the plan. */
  generator: v.exactOptional(v.picklist(generatorNames)),
  /** SHA-256 of the canonical JSON of the update plan, 64 hex digits. */
  update: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
});

export type SecAggPlan = v.InferOutput<typeof secaggPlanSchema>;

/**
 * A checked plan from untrusted JSON.
 * @throws FederatedError BAD_PLAN naming the field
 */
export function checkSecAggPlan(value: unknown): SecAggPlan {
  const result = v.safeParse(secaggPlanSchema, value, { abortEarly: true });
  if (!result.success) {
    const issue = result.issues[0];
    throw new FederatedError('BAD_PLAN', `secagg plan: ${v.getDotPath(issue) ?? 'value'}: ${issue.message}`);
  }
  const plan = result.output;
  if (plan.minCohort > plan.maxCohort) {
    throw new FederatedError(
      'BAD_PLAN',
      `secagg plan: minCohort ${plan.minCohort} is larger than maxCohort ${plan.maxCohort}, so no cohort would do`,
    );
  }
  return plan;
}

/** What a plan says where nobody says otherwise. */
export const planDefaults = {
  format: 'fedloom-secagg-1',
  minCohort: 3,
  completeUpTo: 100,
  completeThreshold: [2, 3],
  corrupt: 0.1,
  dropped: 0.1,
  sigma: 60,
  eta: 20,
} as const;

type Defaulted = Exclude<keyof typeof planDefaults, 'format'>;

/** @throws FederatedError BAD_PLAN */
export const makeSecAggPlan = (
  options: Omit<SecAggPlan, keyof typeof planDefaults> & Partial<Pick<SecAggPlan, Defaulted>>,
): SecAggPlan => checkSecAggPlan({ ...planDefaults, ...options });

/** What expands the keys of masks. */
export const generatorOf = ({ generator = usualGenerator }: Pick<SecAggPlan, 'generator'>): GeneratorName => generator;

/** SHA-256 (32 bytes) of the plan's canonical JSON. */
export const secaggPlanHash = ({ sha256 }: Pick<Primitives, 'sha256'>, plan: SecAggPlan): Uint8Array =>
  sha256(utf8(canonicalJson(plan)));
