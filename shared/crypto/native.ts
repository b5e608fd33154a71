import { concat } from '../bytes.ts';
import { FederatedError } from '../errors.ts';
import { checkShared, portable } from './portable.ts';
import type { Aead, Primitives } from './primitives.ts';

/** A key object of `node:crypto`, opaque here. */
type Key = object;

interface Hashing {
  update(data: Uint8Array): Hashing;
  digest(): Uint8Array;
}
interface Sealing {
  update(data: Uint8Array): Uint8Array;
  final(): Uint8Array;
  getAuthTag(): Uint8Array;
}
interface Opening {
  setAuthTag(tag: Uint8Array): unknown;
  update(data: Uint8Array): Uint8Array;
  final(): Uint8Array;
}

/** The parts of `node:crypto` that are used, so that this file needs no Node to compile; the entries hand the module in. */
export interface NodeCrypto {
  createHash(name: 'sha256'): Hashing;
  createHmac(name: 'sha256', key: Uint8Array): Hashing;
  hkdfSync(name: 'sha256', secret: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): ArrayBuffer;
  createPrivateKey(options: { key: never; format: 'der'; type: 'pkcs8' }): Key;
  createPublicKey(options: never): Key;
  sign(algorithm: null, data: Uint8Array, key: never): Uint8Array;
  verify(algorithm: null, data: Uint8Array, key: never, signature: Uint8Array): boolean;
  diffieHellman(keys: { privateKey: never; publicKey: never }): Uint8Array;
  createCipheriv(name: 'aes-256-gcm', key: Uint8Array, nonce: Uint8Array): Sealing;
  createDecipheriv(name: 'aes-256-gcm', key: Uint8Array, nonce: Uint8Array): Opening;
}

// DER prefixes of a raw 32-byte key (RFC 8410): PKCS#8 for a secret, SubjectPublicKeyInfo for a public key.
const pkcs8 = { ed25519: der(0x70, true), x25519: der(0x6e, true) };
const spki = { ed25519: der(0x70, false), x25519: der(0x6e, false) };

function der(curve: number, secret: boolean): Uint8Array {
  const algorithm = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, curve];
  return Uint8Array.from(
    secret
      ? [0x30, 0x2e, 0x02, 0x01, 0x00, ...algorithm, 0x04, 0x22, 0x04, 0x20]
      : [0x30, 0x2a, ...algorithm, 0x03, 0x21, 0x00],
  );
}

const tagLength = 16;

/** The platform's primitives. @param node - the module `node:crypto` */
export function nativePrimitives(node: NodeCrypto): Primitives {
  const secretKey = (curve: 'ed25519' | 'x25519', seed: Uint8Array): never => {
    if (seed.length !== 32)
      throw new FederatedError('BAD_ARGUMENT', `crypto: a secret has 32 bytes, got ${seed.length}`);
    return node.createPrivateKey({ key: concat(pkcs8[curve], seed) as never, format: 'der', type: 'pkcs8' }) as never;
  };
  const publicKey = (curve: 'ed25519' | 'x25519', raw: Uint8Array): never =>
    node.createPublicKey({ key: concat(spki[curve], raw), format: 'der', type: 'spki' } as never) as never;
  const rawPublicKey = (secret: never): Uint8Array => {
    const key = node.createPublicKey(secret) as { export(options: object): Uint8Array };
    return new Uint8Array(key.export({ format: 'der', type: 'spki' })).slice(-32);
  };

  const gcm: Aead = {
    name: 'aes-256-gcm',
    nonceLength: 12,
    seal(key, nonce, plaintext) {
      const cipher = node.createCipheriv('aes-256-gcm', key, nonce);
      const sealed = new Uint8Array(plaintext.length + tagLength);
      sealed.set(cipher.update(plaintext));
      cipher.final();
      sealed.set(cipher.getAuthTag(), plaintext.length);
      return sealed;
    },
    open(key, nonce, sealed) {
      if (sealed.length < tagLength) return null;
      const decipher = node.createDecipheriv('aes-256-gcm', key, nonce);
      decipher.setAuthTag(sealed.subarray(sealed.length - tagLength));
      const plaintext = decipher.update(sealed.subarray(0, sealed.length - tagLength));
      try {
        decipher.final();
      } catch {
        return null; // the tag does not fit
      }
      return plaintext.byteOffset % 4 === 0 ? plaintext : new Uint8Array(plaintext);
    },
  };

  return {
    name: 'native',
    sha256: (data) => new Uint8Array(node.createHash('sha256').update(data).digest()),
    hkdf: (secret, salt, info, length) => new Uint8Array(node.hkdfSync('sha256', secret, salt, info, length)),
    hmac: (key, data) => new Uint8Array(node.createHmac('sha256', key).update(data).digest()),
    signingPublicKey: (seed) => rawPublicKey(secretKey('ed25519', seed)),
    sign: (seed, message) => new Uint8Array(node.sign(null, message, secretKey('ed25519', seed))),
    verify(key, message, signature) {
      if (key.length !== 32 || signature.length !== 64) return false;
      try {
        return node.verify(null, message, publicKey('ed25519', key), signature);
      } catch {
        return false; // not a point of the curve
      }
    },
    agreementPublicKey: (secret) => rawPublicKey(secretKey('x25519', secret)),
    agree(secret, theirPublicKey) {
      let shared: Uint8Array;
      try {
        const keys = { privateKey: secretKey('x25519', secret), publicKey: publicKey('x25519', theirPublicKey) };
        shared = node.diffieHellman(keys);
      } catch (cause) {
        throw new FederatedError('BAD_HANDSHAKE', "handshake: the peer's key cannot be used", { cause });
      }
      return checkShared(new Uint8Array(shared));
    },
    suites: ['aes-256-gcm', 'nacl-secretbox'],
    aead: (suite) => (suite === 'aes-256-gcm' ? gcm : portable.aead(suite)),
  };
}
