import { fromHex } from '../bytes.ts';
import { FederatedError } from '../errors.ts';
import type { Aead } from './primitives.ts';

/** What both implementations check in the same way, since the libraries below them fail each in its own. */

/** @throws FederatedError BAD_ARGUMENT unless a secret (seed of Ed25519, scalar of X25519) has 32 bytes */
export function checkSecret(secret: Uint8Array): Uint8Array {
  if (secret.length === 32) return secret;
  throw new FederatedError('BAD_ARGUMENT', `crypto: a secret has 32 bytes, got ${secret.length}`);
}

/** @throws FederatedError BAD_HANDSHAKE unless a peer's X25519 key has 32 bytes */
export function checkPeerKey(publicKey: Uint8Array): Uint8Array {
  if (publicKey.length === 32) return publicKey;
  throw new FederatedError('BAD_HANDSHAKE', `handshake: the peer's key has ${publicKey.length} bytes, expected 32`);
}

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

/**
 * The y-coordinates of the points of Ed25519 whose order divides 8. Under such a public key anyone can sign: RFC 8032 lets
 * them pass, and so do tweetnacl and OpenSSL.
 */
const weakKeys = [
  '0000000000000000000000000000000000000000000000000000000000000000', // order 4
  '0100000000000000000000000000000000000000000000000000000000000000', // order 1
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', // order 8
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a', // order 8
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', // p - 1, order 2
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', // p, another way to write 0
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', // p + 1, another way to write 1
].map(fromHex);

/** Whether a public key (32 bytes) is one under which nobody's signature means anything. The top bit is the sign of x. */
export const isWeakKey = (publicKey: Uint8Array): boolean =>
  weakKeys.some((weak) => weak.every((byte, i) => byte === (i === 31 ? publicKey[i]! & 0x7f : publicKey[i])));

/** The order of the group of Ed25519, little-endian (RFC 8032, section 5.1). */
const order = fromHex('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010');

/**
 * Whether the second half of a signature is reduced, as RFC 8032, section 5.1.7, demands: not every library looks,
 * and without it anyone can turn a signature into a second one for the same message.
 */
export function isBelowOrder(s: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) {
    if (s[i] !== order[i]) return s[i]! < order[i]!;
  }
  return false;
}

/** @throws FederatedError BAD_ARGUMENT for more output than HKDF gives, or more `info` than Node takes */
export function checkDerivation(info: Uint8Array, length: number): void {
  if (Number.isInteger(length) && length >= 1 && length <= 255 * 32 && info.length <= 1024) return;
  throw new FederatedError(
    'BAD_ARGUMENT',
    `crypto: HKDF gives 1 to ${255 * 32} bytes from at most 1024 bytes of info; asked for ${length} from ${info.length}`,
  );
}

/** @throws FederatedError BAD_ARGUMENT unless key and nonce have the lengths of the suite */
export function checkAeadInput({ name, nonceLength }: Aead, key: Uint8Array, nonce: Uint8Array): void {
  if (key.length === 32 && nonce.length === nonceLength) return;
  const got = `${key.length} and ${nonce.length}`;
  throw new FederatedError(
    'BAD_ARGUMENT',
    `crypto: ${name} takes a key of 32 and a nonce of ${nonceLength} bytes, got ${got}`,
  );
}
