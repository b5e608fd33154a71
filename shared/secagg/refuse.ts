import { FederatedError, type ErrorCode } from '../errors.ts';

/** @throws FederatedError with this code, always */
export function refuse(code: ErrorCode, text: string): never {
  throw new FederatedError(code, `secagg: ${text}`);
}
