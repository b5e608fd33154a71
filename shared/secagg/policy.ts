import { toHex } from '../bytes.ts';
import type { GeneratorName, Primitives } from '../crypto/primitives.ts';
import { FederatedError, type ErrorCode } from '../errors.ts';
import { wordLayout } from '../updates/layout.ts';
import { checkUpdatePlan, updatePlanHash, type UpdatePlan } from '../updates/plan.ts';
import { checkSecAggPlan, generatorOf, type SecAggPlan } from './plan.ts';

/** The least that a client asks of a plan before it takes part, whatever the server says. */
export interface SecAggPolicy {
  /** The sum is over at least so many clients. */
  readonly minCohort: number;
  /** [a, b]: on a complete graph more than a / b of the clients must work together to undo a mask. */
  readonly minThreshold: readonly [number, number];
  /** Cohorts up to this size share with everyone. */
  readonly minCompleteUpTo: number;
  /** Beyond, the graph bears at least this share of corrupt clients ... */
  readonly minCorrupt: number;
  /** ... except with chance 2^-minSigma. */
  readonly minSigma: number;
  /** A smaller modulus leaves an update too coarse to be worth its way. */
  readonly minModulusBits: number;
  /** The most that this client's update may weigh on the model: L2 norm, in units of the weights. */
  readonly maxClippingNorm: number;
}

export const defaultPolicy: SecAggPolicy = {
  minCohort: 3,
  minThreshold: [2, 3],
  minCompleteUpTo: 100,
  minCorrupt: 0.1,
  minSigma: 60,
  minModulusBits: 16,
  maxClippingNorm: Infinity,
};

/**
 * What a client does before its first message: compares the plan with its own policy and with the update plan, which both
 * come from the server.
 * @param generators - that this client can mask with
 * @throws FederatedError SECAGG_SMALL_COHORT, SECAGG_WEAK_THRESHOLD, SECAGG_WEAK_GRAPH, SECAGG_SMALL_MODULUS or
 *   SECAGG_LOOSE_CLIP for a plan weaker than the policy; BAD_PLAN for a plan that breaks a rule, for masks that this
 *   client cannot make, or when the two do not belong together; MODULUS_OVERFLOW
 */
export function checkPolicy(
  hashing: Pick<Primitives, 'sha256'>,
  plan: SecAggPlan,
  policy: SecAggPolicy,
  update: UpdatePlan,
  generators: readonly GeneratorName[],
): void {
  checkSecAggPlan(plan);
  checkUpdatePlan(update);
  const generator = generatorOf(plan);
  if (!generators.includes(generator)) {
    const has = generators.join(' and ');
    const text = `secagg plan: generator: ${generator} makes the masks, but this client has offered ${has}; refused`;
    throw new FederatedError('BAD_PLAN', text);
  }
  if (plan.minCohort < policy.minCohort) {
    refuse('SECAGG_SMALL_COHORT', `sums over as few as ${plan.minCohort} clients`, `at least ${policy.minCohort}`);
  }
  const [over, of] = plan.completeThreshold;
  const [minOver, minOf] = policy.minThreshold;
  if (over * minOf < minOver * of) {
    refuse('SECAGG_WEAK_THRESHOLD', `lets ${over}/${of} of the clients undo a mask`, `at least ${minOver}/${minOf}`);
  }
  if (plan.completeUpTo < policy.minCompleteUpTo) {
    const least = `${policy.minCompleteUpTo} clients to share with everyone`;
    refuse('SECAGG_WEAK_GRAPH', `thins the graph beyond ${plan.completeUpTo} clients`, least);
  }
  if (plan.maxCohort > plan.completeUpTo && (plan.corrupt < policy.minCorrupt || plan.sigma < policy.minSigma)) {
    refuse(
      'SECAGG_WEAK_GRAPH',
      `has a graph that bears ${plan.corrupt} corrupt clients with 2^-${plan.sigma} to spare`,
      `${policy.minCorrupt} with 2^-${policy.minSigma}`,
    );
  }
  if (plan.modulusBits < policy.minModulusBits) {
    refuse('SECAGG_SMALL_MODULUS', `has words of ${plan.modulusBits} bits`, `at least ${policy.minModulusBits}`);
  }
  if (update.clippingNorm > policy.maxClippingNorm) {
    refuse('SECAGG_LOOSE_CLIP', `clips at ${update.clippingNorm}`, `at most ${policy.maxClippingNorm}`);
  }
  checkTogether(hashing, plan, update);
}

function checkTogether(hashing: Pick<Primitives, 'sha256'>, plan: SecAggPlan, update: UpdatePlan): void {
  const fault =
    plan.update !== toHex(updatePlanHash(hashing, update))
      ? 'names another update plan by its hash'
      : plan.modulusBits !== update.modulusBits
        ? `has words of ${plan.modulusBits} bits, its update plan of ${update.modulusBits}`
        : plan.maxCohort > update.maxCohort
          ? `adds up to ${plan.maxCohort} clients, but its update plan rules out overflow for ${update.maxCohort} only`
          : plan.words !== wordLayout(update).words
            ? `has vectors of ${plan.words} words, its update plan of ${wordLayout(update).words}`
            : null;
  if (fault !== null) throw new FederatedError('BAD_PLAN', `secagg plan: ${fault}; refused, nothing was sent`);
}

function refuse(code: ErrorCode, what: string, wanted: string): never {
  throw new FederatedError(code, `secagg: the plan ${what}, but this client's policy asks for ${wanted}; refused`);
}
