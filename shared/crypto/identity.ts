import { toBase64Url, toHex } from '../bytes.ts';
import { clientId, type ClientId } from '../ids.ts';
import type { Awaitable, Primitives } from './primitives.ts';

/** A long-term Ed25519 key, as whoever holds it uses it. The secret part may be the platform's, which then signs later. */
export interface Signer {
  /** 32 bytes */
  readonly publicKey: Uint8Array;
  /** An Ed25519 signature: 64 bytes. */
  sign(message: Uint8Array): Awaitable<Uint8Array>;
}

/** A signer that has the secret at hand. */
export interface Identity extends Signer {
  sign(message: Uint8Array): Uint8Array;
}

/** @param seed - 32 secret bytes */
export const identityFromSeed = (primitives: Primitives, seed: Uint8Array): Identity => ({
  publicKey: primitives.signingPublicKey(seed),
  sign: (message) => primitives.sign(seed, message),
});

/** A client's name: the first 16 bytes of the SHA-256 of its public key, in hex. */
export const clientIdOf = (primitives: Pick<Primitives, 'sha256'>, publicKey: Uint8Array): ClientId =>
  clientId(toHex(primitives.sha256(publicKey).subarray(0, 16)));

/** What a join link pins: the first 16 bytes of the SHA-256 of the server's public key, in base64url (22 characters). */
export const fingerprintOf = (primitives: Primitives, publicKey: Uint8Array): string =>
  toBase64Url(primitives.sha256(publicKey).subarray(0, 16));
