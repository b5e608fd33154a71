import { FederatedError } from '../../shared/errors.ts';
import { sumOfSquares } from '../../shared/updates/norm.ts';
import { bytesFloats } from '../../shared/weights.ts';

/** What is looked at while an update comes in, before any of it reaches a sum. */
export interface UpdateCheck {
  /** The next bytes, a whole number of values. @returns why the update cannot be taken, or null */
  part(payload: Uint8Array): FederatedError | null;
  /** All bytes are there. @returns why the update cannot be taken, or null */
  whole(): FederatedError | null;
  /** L2 norm of the whole update, or null where it cannot be seen. */
  norm(): number | null;
}

/** An update in clear: finite, with an L2 norm of at most `maxNorm`. */
export function clearCheck(maxNorm: number): UpdateCheck {
  let squares = 0;
  return {
    part(payload) {
      squares += sumOfSquares(bytesFloats(payload));
      if (Number.isFinite(squares)) return null;
      return new FederatedError('NOT_FINITE', 'upload: the update holds NaN or an infinity');
    },
    whole() {
      const norm = Math.sqrt(squares);
      if (norm <= maxNorm) return null;
      const message = `upload: the update's L2 norm is ${norm.toPrecision(4)}, the bound is ${maxNorm}`;
      return new FederatedError('NORM_TOO_LARGE', message);
    },
    norm: () => Math.sqrt(squares),
  };
}

/** A masked update: any bytes are one, so only their number counts, which was checked before. */
export const maskedCheck: UpdateCheck = { part: () => null, whole: () => null, norm: () => null };
