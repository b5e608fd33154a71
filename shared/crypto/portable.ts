import { concat } from '../bytes.ts';
import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import nacl from 'tweetnacl';
import { fromHex } from '../bytes.ts';
import { FederatedError } from '../errors.ts';
import { checkAeadInput, checkDerivation, checkPeerKey, checkSecret, checkShared, isWeakKey } from './checks.ts';
import type { Aead, Primitives } from './primitives.ts';

/** NaCl secretbox: XSalsa20-Poly1305, tag before the ciphertext. */
const secretbox: Aead = {
  name: 'nacl-secretbox',
  nonceLength: 24,
  seal(key, nonce, plaintext, head) {
    checkAeadInput(secretbox, key, nonce);
    return nacl.secretbox(head === undefined ? plaintext : concat(head, plaintext), nonce, key);
  },
  open(key, nonce, sealed) {
    checkAeadInput(secretbox, key, nonce);
    // tweetnacl returns a view 32 bytes into a buffer of its own: aligned to 4, and nobody else's.
    return nacl.secretbox.open(sealed, nonce, key);
  },
};

/** The implementation that runs anywhere: tweetnacl (curves, secretbox) and noble (hashes). */
export const portable: Primitives = {
  name: 'portable',
  sha256: (data) => sha256(data),
  hkdf(secret, salt, info, length) {
    checkDerivation(info, length);
    return hkdf(sha256, secret, salt, info, length);
  },
  hmac: (key, data) => hmac(sha256, key, data),
  signingPublicKey: (seed) => nacl.sign.keyPair.fromSeed(checkSecret(seed)).publicKey,
  sign: (seed, message) => nacl.sign.detached(message, nacl.sign.keyPair.fromSeed(checkSecret(seed)).secretKey),
  verify: (publicKey, message, signature) =>
    publicKey.length === 32 &&
    signature.length === 64 &&
    !isWeakKey(publicKey) &&
    isBelowOrder(signature.subarray(32)) &&
    nacl.sign.detached.verify(message, signature, publicKey),
  agreementPublicKey: (secret) => nacl.scalarMult.base(checkSecret(secret)),
  agree: (secret, theirPublicKey) => checkShared(nacl.scalarMult(checkSecret(secret), checkPeerKey(theirPublicKey))),
  suites: ['nacl-secretbox'],
  aead(suite) {
    if (suite === 'nacl-secretbox') return secretbox;
    throw new FederatedError('NO_COMMON_SUITE', `crypto: suite ${suite} is not available here`);
  },
};

/** The order of the group of Ed25519, little-endian (RFC 8032, section 5.1). */
const order = fromHex('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010');

/**
 * Whether the second half of a signature is reduced, as RFC 8032, section 5.1.7, demands: tweetnacl does not look, and
 * without it anyone can turn a signature into a second one for the same message.
 */
function isBelowOrder(s: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) {
    if (s[i] !== order[i]) return s[i]! < order[i]!;
  }
  return false;
}
