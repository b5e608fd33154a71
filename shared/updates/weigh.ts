import { FederatedError } from '../errors.ts';
import type { UpdatePlan } from './plan.ts';

/**
 * Client half of weighing: the whole number that multiplies the update, 1 to `maxWeight`. A client with more examples than
 * `maxWeight` weighs as one with just so many, which bounds what any one client can do to the mean.
 * @param examples - what the client has trained on
 * @throws FederatedError BAD_EXAMPLES unless a whole number from 1 to the plan's `maxExamples`
 * @see McMahan et al., "Learning Differentially Private Recurrent Language Models", ICLR 2018, section 2 (capped weights)
 */
export function weightOf({ weighting, maxWeight, maxExamples }: UpdatePlan, examples: number): number {
  if (!Number.isInteger(examples) || examples < 1 || examples > maxExamples) {
    throw new FederatedError(
      'BAD_EXAMPLES',
      `update: ${examples} examples, but this round's plan takes a whole number from 1 to ${maxExamples}`,
    );
  }
  return weighting === 'uniform' ? 1 : Math.min(examples, maxWeight);
}

/** Server half: what a coordinate of the sum, in weighted steps, is in the mean; in units of the weights. */
export const meanOf = (steps: number, stepsPerUnit: number, totalWeight: number): number =>
  steps / (stepsPerUnit * totalWeight);
