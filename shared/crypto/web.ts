import { concat, equalBytes, fromHex } from '../bytes.ts';
import { FederatedError } from '../errors.ts';
import { checkPeerKey, checkSecret, checkShared, isBelowOrder, isWeakKey } from './checks.ts';
import { rememberKeys } from './key-cache.ts';
import { portable } from './portable.ts';
import type { ClientPrimitives } from './primitives.ts';

/** The parts of WebCrypto that are used. */
export type WebCurves = Pick<SubtleCrypto, 'importKey' | 'verify' | 'deriveBits'>;

/**
 * What a client in a browser needs, with the browser's own Ed25519 and X25519: more than ten times as fast as ours, and beside
 * the page's thread. A curve that the browser lacks, and both where there is no WebCrypto at all (a page without TLS), are
 * the portable ones; either way the bytes are the same, and so is what is refused.
 * @param subtle - `crypto.subtle`
 */
export function webPrimitives(subtle: WebCurves | null = globalThis.crypto?.subtle ?? null): ClientPrimitives {
  const { sha256, hkdf, aead } = portable;
  const signing = firstThatWorks(subtle === null ? null : ed25519(subtle), portable);
  const agreement = firstThatWorks(subtle === null ? null : x25519(subtle), portable);
  return {
    sha256,
    hkdf,
    aead,
    verify: async (publicKey, message, signature) => (await signing()).verify(publicKey, message, signature),
    agreementPublicKey: async (secret) => (await agreement()).agreementPublicKey(secret),
    agree: async (secret, theirPublicKey) => (await agreement()).agree(secret, theirPublicKey),
  };
}

/** A platform's curve. `probe` rejects where the platform lacks it. */
type Probed<T> = T & { probe(): Promise<unknown> };

/** The platform's if it is there, which is asked once, at the first use. */
function firstThatWorks<T>(platform: Probed<T> | null, ours: T): () => Promise<T> {
  let choice: Promise<T> | null = null;
  const choose = async (): Promise<T> => {
    try {
      await platform?.probe();
      return platform ?? ours;
    } catch {
      return ours;
    }
  };
  return () => (choice ??= choose());
}

/** WebCrypto takes no view of memory that threads share, and its types say so. */
const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);

/** The base points: (x, 4/5) of Ed25519 (RFC 8032, section 5.1) and u = 9 of X25519 (RFC 7748, section 4.1). */
const basePoints = {
  ed25519: new Uint8Array(32).fill(0x66).fill(0x58, 0, 1),
  x25519: new Uint8Array(32).fill(9, 0, 1),
};

function ed25519(subtle: WebCurves): Probed<Pick<ClientPrimitives, 'verify'>> {
  const importKey = (raw: Uint8Array) => subtle.importKey('raw', own(raw), 'Ed25519', false, ['verify']);
  const publicKeys = rememberKeys(importKey);
  return {
    probe: () => importKey(basePoints.ed25519),
    async verify(publicKey, message, signature) {
      const isPossible =
        publicKey.length === 32 &&
        signature.length === 64 &&
        !isWeakKey(publicKey) &&
        isBelowOrder(signature.subarray(32));
      if (!isPossible) return false;
      try {
        return await subtle.verify('Ed25519', await publicKeys(publicKey), own(signature), own(message));
      } catch {
        return false; // not a point of the curve
      }
    },
  };
}

/** What stands before the 32 bytes of an X25519 secret in PKCS #8 (RFC 8410, section 7). */
const pkcs8Prefix = fromHex('302e020100300506032b656e04220420');

function x25519(subtle: WebCurves): Probed<Pick<ClientPrimitives, 'agree' | 'agreementPublicKey'>> {
  const importKey = (raw: Uint8Array) => subtle.importKey('raw', own(raw), 'X25519', false, []);
  const publicKeys = rememberKeys(importKey);
  const secretKeys = secretKeyCache(subtle);
  const derive = async (secret: Uint8Array, theirs: Uint8Array): Promise<Uint8Array> => {
    const [privateKey, publicKey] = await Promise.all([secretKeys(secret), publicKeys(theirs)]);
    return new Uint8Array(await subtle.deriveBits({ name: 'X25519', public: publicKey }, privateKey, 256));
  };
  return {
    probe: () => importKey(basePoints.x25519),
    agreementPublicKey: async (secret) => derive(checkSecret(secret), basePoints.x25519),
    async agree(secret, theirPublicKey) {
      checkSecret(secret);
      checkPeerKey(theirPublicKey);
      try {
        return checkShared(await derive(secret, theirPublicKey));
      } catch (cause) {
        // The platform refuses the all-zero secret itself.
        throw new FederatedError('BAD_HANDSHAKE', "handshake: the peer's key is of low order", { cause });
      }
    },
  };
}

/**
 * Key objects of the secrets in use. An entry lives no longer than the array that holds the secret, and does not serve when
 * the array's bytes have changed since; of those it keeps a hash, so that a wiped secret is not left here.
 */
function secretKeyCache(subtle: WebCurves): (secret: Uint8Array) => Promise<CryptoKey> {
  const known = new WeakMap<Uint8Array, { readonly of: Uint8Array; readonly key: Promise<CryptoKey> }>();
  return (secret) => {
    const of = portable.sha256(secret);
    const entry = known.get(secret);
    if (entry !== undefined && equalBytes(entry.of, of)) return entry.key;
    const pkcs8 = own(concat(pkcs8Prefix, secret));
    const key = subtle.importKey('pkcs8', pkcs8, 'X25519', false, ['deriveBits']).finally(() => pkcs8.fill(0));
    known.set(secret, { of, key });
    return key;
  };
}
