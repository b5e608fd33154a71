import { FederatedError } from '../errors.ts';
import { quantise, type NoiseOptions } from '../vector/quantise.ts';
import type { UpdatePlan } from './plan.ts';

/** Steps in one unit of the weights, 2^(b-1) / B: the client half multiplies by it, the server half divides the sum's signed steps. */
export const stepsPerUnit = ({ quantizationBits, coordinateBound }: UpdatePlan): number =>
  2 ** (quantizationBits - 1) / coordinateBound;

export interface QuantiseOptions extends Pick<NoiseOptions, 'keystreams'> {
  /** What clipping multiplies the update with, in (0, 1]. */
  readonly clip: number;
  /** w, a whole number */
  readonly weight: number;
  /** 32 bytes, used for one vector only */
  readonly noiseKey: Uint8Array;
}

/**
 * Client half: coordinates as whole steps in M-bit two's complement, q = floor(w * clip * v * steps + u) with u uniform in
 * [0, 1), cut off at ± w * 2^(b-1). Stochastic rounding makes the expected value of q exact (to 2^-32 of a step), so that
 * the errors of many clients and rounds average out; u comes from a cryptographic stream, for a client whose rounding can
 * be foretold gives away more of its value than one whose rounding cannot.
 *
 * @param words - length d, written
 * @param values - v, length d, finite
 * @see Suresh et al., "Distributed Mean Estimation with Limited Communication", ICML 2017, section 2.2
 */
export function quantiseUpdate(
  plan: UpdatePlan,
  words: Uint32Array,
  values: Float32Array,
  { clip, weight, noiseKey, keystreams }: QuantiseOptions,
): void {
  if (noiseKey.length !== 32) {
    throw new FederatedError('BAD_ARGUMENT', `quantise: the noise key has ${noiseKey.length} bytes, expected 32`);
  }
  const limit = weight * 2 ** (plan.quantizationBits - 1);
  quantise(words, values, weight * stepsPerUnit(plan) * clip, noiseKey, limit, plan.modulusBits, { keystreams });
}
