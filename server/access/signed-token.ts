import { createHmac, timingSafeEqual } from 'node:crypto';
import { FederatedError } from '../../shared/errors.ts';

/**
 * Tokens with a role and an end: JSON web tokens under HMAC-SHA256 (RFC 7519, RFC 7515). Only the server that made one checks it, so
 * one secret key will do; and there is one algorithm, which no token can choose.
 */
export interface TokenClaims {
  readonly role: 'admin' | 'viewer';
  /** Who it was given to, for the audit log. */
  readonly name: string;
  /** Ends, seconds since 1970. */
  readonly exp: number;
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const header = encode({ alg: 'HS256', typ: 'JWT' });
const signatureOf = (key: Uint8Array, signed: string): Buffer => createHmac('sha256', key).update(signed).digest();

/** @param key - 32 bytes. @throws FederatedError BAD_ARGUMENT */
export function signToken(key: Uint8Array, { role, name, exp }: TokenClaims): string {
  if (!/^[\w .@-]{1,64}$/.test(name)) {
    throw new FederatedError('BAD_ARGUMENT', 'name: expected 1 to 64 letters, digits, spaces and . @ _ -');
  }
  const signed = `${header}.${encode({ role, name, exp })}`;
  return `${signed}.${signatureOf(key, signed).toString('base64url')}`;
}

/** What a token says; null when it is none, not of this key, or over. @param now - ms since 1970 */
export function checkToken(key: Uint8Array, token: string, now: number): TokenClaims | null {
  const [head, body, signature, ...more] = token.split('.');
  if (head !== header || body === undefined || signature === undefined || more.length > 0) return null;
  const given = Buffer.from(signature, 'base64url');
  const right = signatureOf(key, `${head}.${body}`);
  // The text as well as the bytes: base64url has several texts for the same bytes.
  if (given.length !== right.length || !timingSafeEqual(given, right) || right.toString('base64url') !== signature)
    return null;
  const { role, name, exp } = JSON.parse(Buffer.from(body, 'base64url').toString()) as TokenClaims; // ours: it is signed
  return 1_000 * exp > now ? { role, name, exp } : null;
}
