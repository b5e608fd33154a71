import { concat, equalBytes } from '../bytes.ts';
import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import nacl from 'tweetnacl';
import { FederatedError } from '../errors.ts';
import {
  checkAeadInput,
  checkDerivation,
  checkPeerKey,
  checkSecret,
  checkShared,
  isBelowOrder,
  isWeakKey,
} from './checks.ts';
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
  sign: (seed, message) => nacl.sign.detached(message, signingKey(checkSecret(seed))),
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
  keystreams: {},
};

const signingKeys = new WeakMap<Uint8Array, Uint8Array>();

/**
 * tweetnacl's secret key, which is the seed and then the public key: making it costs as much as signing. It is remembered no
 * longer than the array that holds the seed, and does not serve when the array's bytes have changed since.
 */
function signingKey(seed: Uint8Array): Uint8Array {
  let key = signingKeys.get(seed);
  if (key === undefined || !equalBytes(key.subarray(0, 32), seed)) {
    key = nacl.sign.keyPair.fromSeed(seed).secretKey;
    signingKeys.set(seed, key);
  }
  return key;
}
