import { concat, equalBytes, toHex, utf8 } from '../bytes.ts';
import type { Signer } from '../crypto/identity.ts';
import type { Primitives } from '../crypto/primitives.ts';
import { FederatedError } from '../errors.ts';
import { lengthPrefixed } from './context.ts';
import { lengths, partAt } from './messages.ts';

/** What a client makes known of itself for one attempt; all keys have 32 bytes. */
export interface Advert {
  /** Long-term Ed25519 key. */
  readonly identity: Uint8Array;
  /** s_pk: X25519, for the masks of pairs */
  readonly maskKey: Uint8Array;
  /** c_pk: X25519, for sealing shares */
  readonly shareKey: Uint8Array;
  /** H(b, context): lets the server tell a right seed from a wrong one */
  readonly commitment: Uint8Array;
  readonly context: Uint8Array;
  readonly signature: Uint8Array;
  /** All of it as sent: 224 bytes. */
  readonly bytes: Uint8Array;
}

const labels = {
  advert: utf8('fedloom/1 secagg advert'),
  roster: utf8('fedloom/1 secagg roster'),
  sharing: utf8('fedloom/1 secagg sharing'),
  survivors: utf8('fedloom/1 secagg survivors'),
  commitment: utf8('fedloom/1 secagg seed'),
};

export const commitmentOf = (
  { sha256 }: Pick<Primitives, 'sha256'>,
  seed: Uint8Array,
  context: Uint8Array,
): Uint8Array => sha256(lengthPrefixed(labels.commitment, context, seed));

export async function makeAdvert(
  identity: Signer,
  fields: Pick<Advert, 'maskKey' | 'shareKey' | 'commitment' | 'context'>,
): Promise<Uint8Array> {
  const { maskKey, shareKey, commitment, context } = fields;
  const unsigned = concat(identity.publicKey, maskKey, shareKey, commitment, context);
  return concat(unsigned, await identity.sign(lengthPrefixed(labels.advert, unsigned)));
}

/** @param bytes - 224 bytes, of which the result has views */
export const readAdvert = (bytes: Uint8Array): Advert => ({
  identity: partAt(bytes, 32, 0),
  maskKey: partAt(bytes, 32, 1),
  shareKey: partAt(bytes, 32, 2),
  commitment: partAt(bytes, 32, 3),
  context: partAt(bytes, 32, 4),
  signature: bytes.subarray(160, lengths.advert),
  bytes,
});

/** What the signature of an advert is over. */
export const advertStatement = ({ bytes }: Advert): Uint8Array => lengthPrefixed(labels.advert, bytes.subarray(0, 160));

/** @throws FederatedError SECAGG_CONTEXT when the advert was made for another run, round, attempt, model or plan */
export function checkContext({ identity, context }: Advert, expected: Uint8Array): void {
  if (equalBytes(context, expected)) return;
  throw new FederatedError(
    'SECAGG_CONTEXT',
    `secagg: client ${shortName(identity)} signed for another round, attempt, model or plan than this one; refused`,
  );
}

/** @throws FederatedError SECAGG_BAD_ADVERT: what `verify` has said no to */
export function badAdvert({ identity }: Advert): never {
  throw new FederatedError(
    'SECAGG_BAD_ADVERT',
    `secagg: the keys of client ${shortName(identity)} are not signed by it, or are no keys; refused`,
  );
}

/** An identity as messages to people have it. */
export const shortName = (identity: Uint8Array): string => toHex(identity.subarray(0, 4));

/** Everyone who takes part in an attempt, in one order for all. */
export interface Roster {
  /** n adverts, ascending by identity; a client's place here is its position everywhere else. */
  readonly adverts: readonly Advert[];
  /** 32 bytes, over the context and all adverts */
  readonly hash: Uint8Array;
}

/**
 * @param bytes - n times 224
 * @throws FederatedError SECAGG_MESSAGE when identities do not ascend; SECAGG_REUSED_ADVERT when an identity or key occurs twice
 */
export function readRoster({ sha256 }: Pick<Primitives, 'sha256'>, context: Uint8Array, bytes: Uint8Array): Roster {
  const count = bytes.length / lengths.advert;
  const adverts = Array.from({ length: count }, (_, i) => readAdvert(partAt(bytes, lengths.advert, i)));
  const keys = new Set<string>();
  for (const [i, { identity, maskKey, shareKey }] of adverts.entries()) {
    const previous = adverts[i - 1]?.identity;
    const order = previous === undefined ? -1 : compareBytes(previous, identity);
    if (order > 0) throw new FederatedError('SECAGG_MESSAGE', 'secagg: the roster is not ordered by identity; refused');
    // Identities apart from keys: else a client could keep another off by advertising its identity, which is public, as a key.
    for (const key of [maskKey, shareKey]) keys.add(toHex(key));
    if (order < 0 && keys.size === 2 * (i + 1)) continue;
    throw new FederatedError(
      'SECAGG_REUSED_ADVERT',
      `secagg: the identity or a key of client ${shortName(identity)} occurs twice on the roster; refused`,
    );
  }
  return { adverts, hash: sha256(lengthPrefixed(labels.roster, context, bytes)) };
}

/** The order of bytes; negative when a comes first. Public values only. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (a[i] !== b[i]) return a[i]! - b[i]!;
  }
  return a.length - b.length;
}

/** What a client signs when it shares: that it has made its shares for exactly this roster. */
export const sharingStatement = (rosterHash: Uint8Array): Uint8Array => lengthPrefixed(labels.sharing, rosterHash);

/** What a client signs when it consents: whose shares there are, and whose vectors are in the sum. */
export const survivorsStatement = (rosterHash: Uint8Array, sharers: Uint8Array, survivors: Uint8Array): Uint8Array =>
  lengthPrefixed(labels.survivors, rosterHash, sharers, survivors);
