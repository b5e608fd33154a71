import * as crypto from 'node:crypto';
import { nativePrimitives } from '../../shared/crypto/native.ts';
import { portable } from '../../shared/crypto/portable.ts';
import { webPrimitives } from '../../shared/crypto/web.ts';
import { FederatedError, type ErrorCode } from '../../shared/errors.ts';

export const native = nativePrimitives(crypto);
export const implementations = [portable, native];
/** WebCrypto, which Node has too. */
export const web = webPrimitives();

/** The code of the FederatedError that the function throws; undefined when it throws nothing; anything else goes on. */
export function codeOf(run: () => unknown): ErrorCode | undefined {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof FederatedError) return thrown.code;
    throw thrown;
  }
  return undefined;
}

/** The same of a function that may be asynchronous. */
export async function codeOfLater(run: () => unknown): Promise<ErrorCode | undefined> {
  try {
    await run();
  } catch (thrown) {
    if (thrown instanceof FederatedError) return thrown.code;
    throw thrown;
  }
  return undefined;
}
