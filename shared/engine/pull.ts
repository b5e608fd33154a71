import { FederatedError } from '../errors.ts';

/** What is added to the gradient of the loss in every step of a round: mu · (w - anchor) + drift. */
export interface Pull {
  /** From 0. */
  readonly mu: number;
  /** length d; needed unless mu is 0 */
  readonly anchor?: Float32Array | undefined;
  /** length d */
  readonly drift?: Float32Array | undefined;
}

/**
 * The part of a pull that stays the same, drift - mu · anchor, so that a step adds mu · w and this: one pass, whatever the
 * pull is made of.
 * @param size - d
 * @throws FederatedError WRONG_SHAPE
 */
export function constantOf({ mu, anchor, drift }: Pull, size: number): Float32Array {
  for (const vector of [anchor, drift]) {
    if (vector === undefined || vector.length === size) continue;
    throw new FederatedError('WRONG_SHAPE', `pull: the model has ${size} weights, got ${vector.length} values`);
  }
  if (mu !== 0 && anchor === undefined) throw new FederatedError('BAD_ARGUMENT', 'pull: mu without an anchor');
  const constant = new Float32Array(size);
  for (let i = 0; i < size; i++) constant[i] = (drift?.[i] ?? 0) - (mu === 0 ? 0 : mu * anchor![i]!);
  return constant;
}
