import { concat, utf8 } from '../bytes.ts';
import type { Aead, Primitives } from '../crypto/primitives.ts';
import { u32 } from './context.ts';
import { lengths } from './messages.ts';

/**
 * The keys of masks and parcels. All are derived with the roster's hash as salt, which names the context and everyone's fresh
 * keys, so no key ever serves twice.
 */

type Hashing = Pick<Primitives, 'hkdf'>;

const labels = {
  seed: utf8('fedloom/1 secagg seed mask'),
  pair: utf8('fedloom/1 secagg pair mask'),
  parcel: utf8('fedloom/1 secagg parcel'),
};

/** The key of PRG(b), a client's own mask. @param seed - b */
export const seedMaskKey = ({ hkdf }: Hashing, seed: Uint8Array, rosterHash: Uint8Array): Uint8Array =>
  hkdf(seed, rosterHash, labels.seed, 32);

/**
 * The key of the mask of a pair: the lower position adds it and the higher takes it away. Overwrites `shared`.
 * @param shared - X25519 of the one's mask secret and the other's mask key
 */
export function pairMaskKey(
  { hkdf }: Hashing,
  shared: Uint8Array,
  rosterHash: Uint8Array,
  a: number,
  b: number,
): Uint8Array {
  const info = concat(labels.pair, u32(Math.min(a, b)), u32(Math.max(a, b)));
  const key = hkdf(shared, rosterHash, info, 32);
  shared.fill(0);
  return key;
}

function parcelKey(
  { hkdf }: Hashing,
  shared: Uint8Array,
  rosterHash: Uint8Array,
  from: number,
  to: number,
): Uint8Array {
  const key = hkdf(shared, rosterHash, concat(labels.parcel, u32(from), u32(to)), 32);
  shared.fill(0);
  return key;
}

/** A holder's shares of a client's two secrets, 33 bytes each. */
export interface SharePair {
  readonly seed: Uint8Array;
  readonly key: Uint8Array;
}

/** On the way of a parcel: roster and both positions, which its key is bound to. */
export interface ParcelRoute {
  readonly rosterHash: Uint8Array;
  readonly from: number;
  readonly to: number;
}

/** Secretbox, since every client has it; a platform's AES would gain nothing on 66 bytes. */
const suite = 'nacl-secretbox';
/** The key of a parcel seals this one parcel only. */
const nonceOf = ({ nonceLength }: Aead): Uint8Array => new Uint8Array(nonceLength);

/**
 * Seals a pair of shares: 82 bytes. Overwrites `shared`.
 * @param shared - X25519 of the sender's share secret and the receiver's share key
 */
export function sealParcel(
  primitives: Pick<Primitives, 'hkdf' | 'aead'>,
  shared: Uint8Array,
  { rosterHash, from, to }: ParcelRoute,
  { seed, key }: SharePair,
): Uint8Array {
  const aead = primitives.aead(suite);
  const secret = parcelKey(primitives, shared, rosterHash, from, to);
  const plaintext = concat(seed, key);
  const parcel = aead.seal(secret, nonceOf(aead), plaintext);
  plaintext.fill(0);
  secret.fill(0);
  return parcel;
}

/** The pair of shares, or null when the parcel was not sealed by that sender for this receiver and roster. Overwrites `shared`. */
export function openParcel(
  primitives: Pick<Primitives, 'hkdf' | 'aead'>,
  shared: Uint8Array,
  { rosterHash, from, to }: ParcelRoute,
  parcel: Uint8Array,
): SharePair | null {
  const aead = primitives.aead(suite);
  const secret = parcelKey(primitives, shared, rosterHash, from, to);
  const plaintext = aead.open(secret, nonceOf(aead), parcel);
  secret.fill(0);
  if (plaintext === null || plaintext.length !== 2 * lengths.share) return null;
  return { seed: plaintext.subarray(0, lengths.share), key: plaintext.subarray(lengths.share) };
}
