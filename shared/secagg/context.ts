import { concat, utf8 } from '../bytes.ts';
import type { Primitives } from '../crypto/primitives.ts';
import { FederatedError } from '../errors.ts';
import type { RunId } from '../ids.ts';

type Hashing = Pick<Primitives, 'sha256'>;

/** Version of the secure aggregation protocol; part of every hash, key and signature. */
export const secaggVersion = 1;

/** What one aggregation is about. A retry is a new attempt: another context, other keys. */
export interface RoundContext {
  readonly run: RunId;
  /** 0 .. 2^32 - 1 */
  readonly round: number;
  /** 1 .. 2^32 - 1: counts the tries of one round */
  readonly attempt: number;
  /** `modelHash` (32 bytes) of the task and weights that this client was sent. */
  readonly model: Uint8Array;
  /** SHA-256 (32 bytes) of the SecAggPlan that this client was sent, which names the update plan in turn. */
  readonly plan: Uint8Array;
}

/**
 * What `model` of a context is: the hash of the task, which has the layers and how to train, of the weights, and of what the
 * server tells beside them.
 * @param task - SHA-256 (32 bytes), as is `weights`
 * @param control - SHA-256 (32 bytes) where there is any
 */
export const modelHash = (
  { sha256 }: Hashing,
  task: Uint8Array,
  weights: Uint8Array,
  control: Uint8Array | null = null,
): Uint8Array => {
  const parts = control === null ? [task, weights] : [task, weights, control];
  return sha256(lengthPrefixed(utf8('fedloom/1 secagg model'), ...parts));
};

/** A number as four bytes, little-endian. */
export function u32(value: number): Uint8Array {
  const field = new Uint8Array(4);
  new DataView(field.buffer).setUint32(0, value, true);
  return field;
}

/** The parts one after the other, each after its length, so that no two lists of parts give the same bytes. */
export const lengthPrefixed = (...parts: readonly Uint8Array[]): Uint8Array =>
  concat(...parts.flatMap((part) => [u32(part.length), part]));

const label = utf8('fedloom/1 secagg context');

/**
 * The hash (32 bytes) that enters every signature, commitment and key of the aggregation. Clients that were told different
 * models, plans, rounds or attempts have different contexts: they refuse each other's adverts, and if they did not, their
 * masks would not cancel (Pasquini et al., "Eluding Secure Aggregation in Federated Learning", CCS 2022).
 * @throws FederatedError BAD_ARGUMENT
 */
export function contextHash({ sha256 }: Hashing, context: RoundContext): Uint8Array {
  const { run, round, attempt, model, plan } = context;
  for (const [name, value] of Object.entries({ round, attempt })) {
    if (Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff) continue;
    throw new FederatedError('BAD_ARGUMENT', `secagg: ${name} is a whole number below 2^32, got ${value}`);
  }
  for (const [name, hash] of Object.entries({ model, plan })) {
    if (hash.length === 32) continue;
    throw new FederatedError('BAD_ARGUMENT', `secagg: the hash of the ${name} has 32 bytes, got ${hash.length}`);
  }
  return sha256(lengthPrefixed(label, u32(secaggVersion), utf8(run), u32(round), u32(attempt), model, plan));
}
