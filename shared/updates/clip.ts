import { FederatedError } from '../errors.ts';
import { sumOfSquares } from './norm.ts';

/**
 * Client half of clipping: the factor min(1, C / |v|) that brings an update to L2 norm C at most; it is applied when the
 * coordinates are rounded, so that no clipped copy is made. The server has no half: it sees no single norm.
 *
 * @param values - v, length d, in units of the weights
 * @param clippingNorm - C > 0, a norm, not its square
 * @returns in (0, 1]
 * @throws FederatedError NOT_FINITE when a value is NaN or infinite
 * @see McMahan et al., "Learning Differentially Private Recurrent Language Models", ICLR 2018, section 2 (flat clipping)
 */
export function clipFactor(values: Float32Array, clippingNorm: number): number {
  const squares = sumOfSquares(values);
  if (!Number.isFinite(squares)) {
    throw new FederatedError(
      'NOT_FINITE',
      'update: a value is NaN or infinite, so training has diverged; nothing is sent. Lower the learning rate',
    );
  }
  return squares <= clippingNorm * clippingNorm ? 1 : clippingNorm / Math.sqrt(squares);
}
