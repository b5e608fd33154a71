import { FederatedError } from './errors.ts';

declare const brand: unique symbol;

/** A client's name: the first 16 bytes of the SHA-256 of its Ed25519 public key, as 32 hex digits. */
export type ClientId = string & { readonly [brand]: 'ClientId' };
/** A run's name: 2 to 64 characters of a-z, 0-9 and '-', starting with a letter. */
export type RunId = string & { readonly [brand]: 'RunId' };
/** A blob's name: the SHA-256 of its bytes, as 64 hex digits. */
export type Sha256 = string & { readonly [brand]: 'Sha256' };

const patterns = { clientId: /^[0-9a-f]{32}$/, runId: /^[a-z][a-z0-9-]{1,63}$/, sha256: /^[0-9a-f]{64}$/ };

function check(what: keyof typeof patterns, text: string, expected: string): string {
  if (patterns[what].test(text)) return text;
  throw new FederatedError('BAD_ARGUMENT', `${what}: expected ${expected}, got ${JSON.stringify(text.slice(0, 80))}`);
}

/** @throws FederatedError BAD_ARGUMENT unless the text is 32 lower-case hex digits */
export const clientId = (text: string): ClientId => check('clientId', text, '32 hex digits') as ClientId;
/** @throws FederatedError BAD_ARGUMENT unless the text is 2 to 64 of a-z, 0-9, '-', starting with a letter */
export const runId = (text: string): RunId => check('runId', text, 'a-z, 0-9 and - (2 to 64), a letter first') as RunId;
/** @throws FederatedError BAD_ARGUMENT unless the text is 64 lower-case hex digits */
export const sha256Id = (text: string): Sha256 => check('sha256', text, '64 hex digits') as Sha256;
