import * as v from 'valibot';
import { FederatedError } from '../errors.ts';
import { maxClients, maxHolders } from './plan.ts';

/**
 * What travels, as plain objects of bytes and numbers with a bound on each. Lists of equal parts are one array of bytes, in
 * ascending order of the position on the roster, so that nothing needs a name or a length of its own. The prose is in
 * README.md beside this file. A masked vector is not among them: it goes as bulk, `plan.words` words packed to M bits.
 */

/** Lengths in bytes. */
export const lengths = {
  key: 32,
  signature: 64,
  /** identity, mask key, share key, commitment, context, signature */
  advert: 5 * 32 + 64,
  /** 32 bytes of a secret and x */
  share: 33,
  /** two shares, sealed */
  parcel: 2 * 33 + 16,
} as const;

const bytes = (min: number, max = min) =>
  v.pipe(
    v.custom<Uint8Array>((value) => value instanceof Uint8Array, 'expected bytes'),
    v.check((value) => value.length >= min && value.length <= max, `expected ${min} to ${max} bytes`),
  );
/** Up to `most` parts of `length` bytes each. */
const parts = (length: number, most: number) =>
  v.pipe(
    bytes(0, length * most),
    v.check((value) => value.length % length === 0, `expected a multiple of ${length} bytes`),
  );
const signature = bytes(lengths.signature);
const positions = bytes(1, Math.ceil(maxClients / 8));
const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(maxClients));

/** Client to server, in this order. The mark lets a bundle for browsers leave the table out: only the server reads it. */
export const clientSteps = /* @__PURE__ */ (() => ({
  /** 1. Fresh keys, signed. */
  advert: v.strictObject({ advert: bytes(lengths.advert) }),
  /** 2. A sealed pair of shares for each neighbour, and a signature over the roster that they were made for. */
  shares: v.strictObject({ signature, parcels: parts(lengths.parcel, maxHolders) }),
  /** 4, after the masked vector. A signature over the one set of survivors that this client agrees to. */
  consent: v.strictObject({ signature }),
  /** 5. Of each survivor a share of its seed, of each drop-out a share of its mask key. */
  reveal: v.strictObject({
    seedsOf: positions,
    seedShares: parts(lengths.share, maxHolders),
    keysOf: positions,
    keyShares: parts(lengths.share, maxHolders),
  }),
}))();

/** Server to client, each the answer to the step of the same place. */
export const serverSteps = {
  /** 1. All adverts, ordered by identity; degree and threshold are said only to be compared. */
  roster: v.strictObject({ adverts: parts(lengths.advert, maxClients), degree: count, threshold: count }),
  /** 2. Who has shared, and what the client's neighbours among them have sent for it. */
  delivery: v.strictObject({
    sharers: positions,
    from: positions,
    parcels: parts(lengths.parcel, maxHolders),
    signatures: parts(lengths.signature, maxHolders),
  }),
  /** 3. Whose vectors are in the sum. */
  survivors: v.strictObject({ survivors: positions }),
  /** 4. What to reveal, said in full so that a lie shows, and the neighbours' signatures that it is the agreed set. */
  unmask: v.strictObject({
    survivors: positions,
    dropped: positions,
    signers: positions,
    signatures: parts(lengths.signature, maxHolders),
  }),
};

export type ClientStep<T extends keyof typeof clientSteps> = v.InferOutput<(typeof clientSteps)[T]>;
export type ServerStep<T extends keyof typeof serverSteps> = v.InferOutput<(typeof serverSteps)[T]>;

/**
 * A message whose every field has been checked for type and bounds.
 * @throws FederatedError SECAGG_MESSAGE naming the field
 */
export function checkStep<S extends v.GenericSchema>(name: string, schema: S, value: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  throw new FederatedError(
    'SECAGG_MESSAGE',
    `secagg: ${name}: field ${v.getDotPath(issue) ?? '?'}: ${issue.message}; refused`.slice(0, 256),
  );
}

/** Part `index` of a list of equal parts: a view. */
export const partAt = (list: Uint8Array, length: number, index: number): Uint8Array =>
  list.subarray(index * length, (index + 1) * length);

/**
 * A list of equal parts, with the position on the roster that each belongs to.
 * @throws FederatedError SECAGG_MESSAGE unless there is one part for each position
 */
export function partsOf(
  name: string,
  list: Uint8Array,
  length: number,
  owners: ReadonlySet<number> | readonly number[],
): Map<number, Uint8Array> {
  const positionsInOrder = [...owners];
  if (list.length !== length * positionsInOrder.length) {
    const text = `secagg: ${name}: ${list.length / length} parts for ${positionsInOrder.length} clients; refused`;
    throw new FederatedError('SECAGG_MESSAGE', text);
  }
  return new Map(positionsInOrder.map((position, i) => [position, partAt(list, length, i)]));
}
