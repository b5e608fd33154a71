import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import nacl from 'tweetnacl';
import { FederatedError } from '../errors.ts';
import type { Aead, Primitives } from './primitives.ts';

/** NaCl secretbox: XSalsa20-Poly1305, tag before the ciphertext. */
const secretbox: Aead = {
  name: 'nacl-secretbox',
  nonceLength: 24,
  seal: (key, nonce, plaintext) => nacl.secretbox(plaintext, nonce, key),
  // tweetnacl returns a view 32 bytes into a buffer of its own: aligned to 4, and nobody else's.
  open: (key, nonce, sealed) => nacl.secretbox.open(sealed, nonce, key),
};

/** The implementation that runs anywhere: tweetnacl (curves, secretbox) and noble (hashes). */
export const portable: Primitives = {
  name: 'portable',
  sha256: (data) => sha256(data),
  hkdf: (secret, salt, info, length) => hkdf(sha256, secret, salt, info, length),
  hmac: (key, data) => hmac(sha256, key, data),
  signingPublicKey: (seed) => nacl.sign.keyPair.fromSeed(seed).publicKey,
  sign: (seed, message) => nacl.sign.detached(message, nacl.sign.keyPair.fromSeed(seed).secretKey),
  verify: (publicKey, message, signature) =>
    publicKey.length === 32 && signature.length === 64 && nacl.sign.detached.verify(message, signature, publicKey),
  agreementPublicKey: (secret) => nacl.scalarMult.base(secret),
  agree: (secret, theirPublicKey) => checkShared(nacl.scalarMult(secret, theirPublicKey)),
  suites: ['nacl-secretbox'],
  aead(suite) {
    if (suite === 'nacl-secretbox') return secretbox;
    throw new FederatedError('NO_COMMON_SUITE', `crypto: suite ${suite} is not available here`);
  },
};

/**
 * Refuses the all-zero shared secret that a public key of low order gives (RFC 7748, section 6.1).
 * @throws FederatedError BAD_HANDSHAKE
 */
export function checkShared(shared: Uint8Array): Uint8Array {
  let any = 0;
  for (const byte of shared) any |= byte;
  if (any === 0) throw new FederatedError('BAD_HANDSHAKE', "handshake: the peer's key is of low order");
  return shared;
}
