import { concat, equalBytes, toBase64Url } from '../bytes.ts';
import { FederatedError } from '../errors.ts';
import { giveBack } from '../give-back.ts';
import { checkAeadInput, checkDerivation, checkPeerKey, checkSecret, checkShared, isWeakKey } from './checks.ts';
import { rememberKeys } from './key-cache.ts';
import { portable } from './portable.ts';
import {
  generatorNames,
  type Aead,
  type GeneratorName,
  type Keystreams,
  type OpenKeystream,
  type Primitives,
} from './primitives.ts';

/** A key object of `node:crypto`, opaque here; parameters that take one are `never`, which fits whatever Node's types say. */
type Key = object;

interface Hashing {
  update(data: Uint8Array): Hashing;
  digest(): Uint8Array;
}
interface Ciphering {
  update(data: Uint8Array): Uint8Array;
}
interface Sealing extends Ciphering {
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
  hash(name: 'sha256', data: Uint8Array, encoding: 'buffer'): Uint8Array;
  createHmac(name: 'sha256', key: Uint8Array): Hashing;
  createPrivateKey(options: never): Key;
  createPublicKey(options: never): Key;
  sign(algorithm: null, data: Uint8Array, key: never): Uint8Array;
  verify(algorithm: null, data: Uint8Array, key: never, signature: Uint8Array): boolean;
  diffieHellman(keys: { privateKey: never; publicKey: never }): Uint8Array;
  createCipheriv(name: 'aes-256-gcm', key: Uint8Array, nonce: Uint8Array, options: { authTagLength: number }): Sealing;
  createDecipheriv(
    name: 'aes-256-gcm',
    key: Uint8Array,
    nonce: Uint8Array,
    options: { authTagLength: number },
  ): Opening;
  createCipheriv(name: GeneratorName, key: Uint8Array, start: Uint8Array): Ciphering;
}

/** RFC 8037. */
interface Jwk {
  readonly kty: 'OKP';
  readonly crv: Curve;
  readonly x: string;
  readonly d?: string;
}
type Curve = 'Ed25519' | 'X25519';
const jwk = (key: Jwk): never => ({ key, format: 'jwk' }) as never;

const tagLength = 16;
const emptyKey = toBase64Url(new Uint8Array(32));

/** The platform's primitives. @param node - the module `node:crypto` */
export function nativePrimitives(node: NodeCrypto): Primitives {
  const publicKeys: Record<Curve, (raw: Uint8Array) => never> = {
    Ed25519: publicKeyCache(node, 'Ed25519'),
    X25519: publicKeyCache(node, 'X25519'),
  };
  const secretKeys: Record<Curve, (secret: Uint8Array) => never> = {
    Ed25519: secretKeyCache(node, 'Ed25519'),
    X25519: secretKeyCache(node, 'X25519'),
  };
  const rawPublicKey = (secret: never): Uint8Array => {
    const key = node.createPublicKey(secret) as { export(options: object): Uint8Array };
    return new Uint8Array(key.export({ format: 'der', type: 'spki' })).slice(-32); // the last field of RFC 8410's form
  };
  const gcm = aesGcm(node);
  const sha256: Primitives['sha256'] = (data) => new Uint8Array(node.hash('sha256', data, 'buffer'));
  const hmac: Primitives['hmac'] = (key, data) =>
    data.length > 1_024
      ? new Uint8Array(node.createHmac('sha256', key).update(data).digest())
      : shortHmac(sha256, key, data);

  return {
    name: 'native',
    sha256,
    hkdf(secret, salt, info, length) {
      checkDerivation(info, length);
      return hkdf(hmac, secret, salt, info, length);
    },
    hmac,
    signingPublicKey: (seed) => rawPublicKey(secretKeys.Ed25519(seed)),
    sign: (seed, message) => new Uint8Array(node.sign(null, message, secretKeys.Ed25519(seed))),
    verify(key, message, signature) {
      if (key.length !== 32 || signature.length !== 64 || isWeakKey(key)) return false;
      try {
        return node.verify(null, message, publicKeys.Ed25519(key), signature);
      } catch {
        return false; // not a point of the curve
      }
    },
    agreementPublicKey: (secret) => rawPublicKey(secretKeys.X25519(secret)),
    agree(secret, theirPublicKey) {
      const privateKey = secretKeys.X25519(secret);
      const theirs = publicKeys.X25519(checkPeerKey(theirPublicKey));
      let shared: Uint8Array;
      try {
        shared = node.diffieHellman({ privateKey, publicKey: theirs });
      } catch (cause) {
        // OpenSSL refuses the all-zero secret itself.
        throw new FederatedError('BAD_HANDSHAKE', "handshake: the peer's key is of low order", { cause });
      }
      return checkShared(new Uint8Array(shared));
    },
    suites: ['aes-256-gcm', 'nacl-secretbox'],
    aead: (suite) => (suite === 'aes-256-gcm' ? gcm : portable.aead(suite)),
    keystreams: keystreamsOf(node),
  };
}

const blockLength = 64;

/** HMAC by its definition (RFC 2104, section 2): two hashes in one call each take half as long as an object of Node's. */
function shortHmac(sha256: Primitives['sha256'], key: Uint8Array, data: Uint8Array): Uint8Array {
  const short = key.length > blockLength ? sha256(key) : key;
  const inner = new Uint8Array(blockLength + data.length);
  const outer = new Uint8Array(blockLength + 32);
  inner.set(short);
  outer.set(short);
  for (let i = 0; i < blockLength; i++) {
    inner[i]! ^= 0x36;
    outer[i]! ^= 0x5c;
  }
  inner.set(data, blockLength);
  outer.set(sha256(inner), blockLength);
  const tag = sha256(outer);
  for (const secrets of [inner, outer]) secrets.fill(0);
  return tag;
}

/** HKDF by its definition (RFC 5869, section 2), from the platform's HMAC: Node's own takes twice as long for one block. */
function hkdf(
  hmac: Primitives['hmac'],
  secret: Uint8Array,
  salt: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array {
  const key = hmac(salt, secret);
  const output = new Uint8Array(32 * Math.ceil(length / 32));
  let last: Uint8Array = new Uint8Array(0);
  for (let at = 0; at < length; at += 32) {
    last = hmac(key, concat(last, info, Uint8Array.of(at / 32 + 1)));
    output.set(last, at);
  }
  for (const secrets of [key, last]) secrets.fill(0);
  return output.subarray(0, length);
}

/** Key objects of public keys. As JWK: OpenSSL 3 reads DER ten times slower. */
const publicKeyCache = (node: NodeCrypto, crv: Curve): ((raw: Uint8Array) => never) =>
  rememberKeys((raw) => node.createPublicKey(jwk({ kty: 'OKP', crv, x: toBase64Url(raw) })) as never);

/**
 * Key objects of the secrets in use: making one costs as much as using it. An entry lives no longer than the array that
 * holds the secret, and does not serve when the array's bytes have changed since.
 */
function secretKeyCache(node: NodeCrypto, crv: Curve): (secret: Uint8Array) => never {
  const known = new WeakMap<Uint8Array, { readonly of: Uint8Array; readonly key: never }>();
  return (secret) => {
    const entry = known.get(secret);
    if (entry !== undefined && equalBytes(entry.of, secret)) return entry.key;
    const d = toBase64Url(checkSecret(secret));
    // `x` must be there (RFC 8037), but Node makes a private key from `d` alone.
    const key = node.createPrivateKey(jwk({ kty: 'OKP', crv, x: emptyKey, d })) as never;
    known.set(secret, { of: new Uint8Array(secret), key });
    return key;
  };
}

function aesGcm(node: NodeCrypto): Aead {
  const aead: Aead = {
    name: 'aes-256-gcm',
    nonceLength: 12,
    seal(key, nonce, plaintext, head = new Uint8Array(0)) {
      checkAeadInput(aead, key, nonce);
      const cipher = node.createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagLength });
      const sealed = new Uint8Array(head.length + plaintext.length + tagLength);
      if (head.length > 0) sealed.set(cipher.update(head));
      sealed.set(cipher.update(plaintext), head.length);
      cipher.final();
      sealed.set(cipher.getAuthTag(), head.length + plaintext.length);
      return sealed;
    },
    open(key, nonce, sealed) {
      checkAeadInput(aead, key, nonce);
      if (sealed.length < tagLength) return null;
      const decipher = node.createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagLength });
      decipher.setAuthTag(sealed.subarray(sealed.length - tagLength));
      const plaintext = decipher.update(sealed.subarray(0, sealed.length - tagLength));
      try {
        decipher.final();
      } catch {
        return null; // the tag does not fit
      }
      // A plain Uint8Array, and a copy only where Node has put a small one into memory that it shares.
      const { buffer, byteOffset, length } = plaintext;
      const isAlone = byteOffset % 4 === 0 && buffer.byteLength - length < 64;
      return isAlone ? new Uint8Array(buffer, byteOffset, length) : new Uint8Array(plaintext);
    },
  };
  return aead;
}

/** What a keystream enciphers: a cipher that works like a stream has no other way to show its keystream. */
const zeros = new Uint8Array(65_536);

/** The sixteen bytes from which each cipher counts on to a given 64 bytes of its keystream. */
const startAt: Record<GeneratorName, (start: DataView, firstBlock: number) => void> = {
  /** OpenSSL's order: the counter, little-endian, then the nonce. */
  chacha20: (start, firstBlock) => start.setUint32(0, firstBlock, true),
  /** The counter alone, big-endian, in blocks of 16 bytes. */
  'aes-256-ctr': (start, firstBlock) => start.setBigUint64(8, 4n * BigInt(firstBlock)),
};

/** Those of OpenSSL; the library below Node may lack one (BoringSSL has no ChaCha20). */
function keystreamsOf(node: NodeCrypto): Keystreams {
  let last: Uint8Array | null = null;
  const keystream =
    (name: GeneratorName): OpenKeystream =>
    (key, firstBlock) => {
      const start = new Uint8Array(16);
      startAt[name](new DataView(start.buffer), firstBlock);
      const cipher = node.createCipheriv(name, checkSecret(key), start);
      return (length) => {
        if (last !== null) giveBack(last);
        last = cipher.update(zeros.subarray(0, length));
        return last;
      };
    };
  const works = (name: GeneratorName): boolean => {
    try {
      keystream(name)(new Uint8Array(32), 0);
      return true;
    } catch {
      return false;
    }
  };
  return Object.fromEntries(generatorNames.filter(works).map((name) => [name, keystream(name)]));
}
