import * as v from 'valibot';
import { errorCodes, FederatedError, type ErrorCode } from '../errors.ts';
import { clientSteps, serverSteps } from '../secagg/messages.ts';
import { waitReasons, type WaitReason } from '../states.ts';

/**
 * The control messages of protocol version 1: one table per direction. Every field of every message that arrives is
 * checked here, with a bound, before anything uses it. The prose is in README.md beside this file.
 */

const u32 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff));
/** Counts and byte sizes: exact in a float64. */
const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
const text = (max: number) => v.pipe(v.string(), v.maxLength(max));
const bytes = (min: number, max = min) =>
  v.pipe(
    v.custom<Uint8Array>((value) => value instanceof Uint8Array, 'expected bytes'),
    v.check((value) => value.length >= min && value.length <= max, `expected ${min} to ${max} bytes`),
  );
const run = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{1,63}$/));
const sha256 = bytes(32);
const errorCode = v.picklist(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]);
const waitReason = v.picklist(Object.keys(waitReasons) as [WaitReason, ...WaitReason[]]);

/** Which training a message is about. `attempt` counts the tries of one round, from 1. */
const where = { run, round: u32, attempt: u32 };
/** Random name of one update, so that a resumed upload goes on with the same bytes. */
const upload = bytes(16);

/** What a client sends. The mark lets a bundle for browsers leave the table out: only the server reads it. */
export const clientMessages = /* @__PURE__ */ (() => {
  const fraction = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
  /** Named numbers measured by a client while training: `loss`, `accuracy`, ... */
  const metrics = v.pipe(
    v.record(v.pipe(v.string(), v.regex(/^[a-z][a-zA-Z0-9_/-]{0,31}$/)), v.pipe(v.number(), v.finite())),
    v.check((value) => Object.keys(value).length <= 16, 'expected at most 16 metrics'),
  );
  return {
    /** Second half of the handshake, and the first sealed message: who the client is. */
    auth: v.strictObject({
      type: v.literal('auth'),
      identity: bytes(32),
      signature: bytes(64),
      /** HMAC of the transcript under the join code; absent for a client that is already on the roster. */
      joinProof: v.optional(bytes(32)),
      ticket: v.optional(bytes(32)),
      software: text(64),
      backend: text(64),
      encodings: v.pipe(v.array(text(32)), v.maxLength(16)),
      label: v.optional(text(64)),
    }),
    /** Able and willing to train; again after every `unready`. */
    ready: v.strictObject({ type: v.literal('ready'), examples: v.optional(count) }),
    /** Not able for now. */
    unready: v.strictObject({ type: v.literal('unready'), reason: waitReason }),
    progress: v.strictObject({
      type: v.literal('progress'),
      ...where,
      phase: v.picklist(['downloading', 'training']),
      fraction,
    }),
    /** Secure aggregation: fresh keys; see ../secagg/README.md for these four. */
    advert: v.strictObject({ type: v.literal('advert'), ...where, ...clientSteps.advert.entries }),
    /** Sealed shares of this client's secrets. */
    shares: v.strictObject({ type: v.literal('shares'), ...where, ...clientSteps.shares.entries }),
    /** Agrees to the set of clients in the sum. */
    consent: v.strictObject({ type: v.literal('consent'), ...where, ...clientSteps.consent.entries }),
    /** Shares of what is left to unmask the sum. */
    reveal: v.strictObject({ type: v.literal('reveal'), ...where, ...clientSteps.reveal.entries }),
    /** An update is there; the server answers `send` (with the offset to start from) or `refused`. */
    report: v.strictObject({
      type: v.literal('report'),
      ...where,
      upload,
      bytes: count,
      examples: count,
      encoding: text(32),
      metrics,
      /** What it was trained on: known for certain only now. */
      backend: v.optional(text(64)),
    }),
    /** Training did not work out; the round goes on without this client. */
    failed: v.strictObject({ type: v.literal('failed'), ...where, code: errorCode, message: text(512) }),
    leave: v.strictObject({ type: v.literal('leave'), reason: v.picklist(['user', 'consent', 'finished', 'failure']) }),
    ping: v.strictObject({ type: v.literal('ping') }),
  };
})();

/** What the server sends. */
export const serverMessages = {
  /** The session is open. `token` opens the blobs; `ticket` takes this place again after a cut. */
  welcome: v.strictObject({
    type: v.literal('welcome'),
    client: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
    ticket: bytes(32),
    token: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{16,64}$/)),
    resumed: v.boolean(),
    heartbeat: u32,
    chunkBytes: u32,
    windowBytes: u32,
    software: text(64),
  }),
  /** Nothing to do now, and why. */
  wait: v.strictObject({ type: v.literal('wait'), reason: waitReason, run: v.optional(run), round: v.optional(u32) }),
  /** Selected: fetch task and weights by hash, train, report within `deadline` ms. */
  train: v.strictObject({
    type: v.literal('train'),
    ...where,
    task: sha256,
    weights: sha256,
    taskBytes: count,
    weightsBytes: count,
    /** What the run's strategy tells clients beside the model: another blob. */
    control: v.optional(sha256),
    controlBytes: v.optional(count),
    deadline: u32,
    /** With secure aggregation its plan and the plan of updates, as JSON; without both the server sees the update. */
    secagg: v.optional(text(1024)),
    update: v.optional(text(2048)),
  }),
  /** Secure aggregation: everyone who takes part; see ../secagg/README.md for these four. */
  roster: v.strictObject({ type: v.literal('roster'), ...where, ...serverSteps.roster.entries }),
  /** Shares that others have made for this client: mask and report. */
  delivery: v.strictObject({ type: v.literal('delivery'), ...where, ...serverSteps.delivery.entries }),
  /** Whose vectors are in the sum. */
  survivors: v.strictObject({ type: v.literal('survivors'), ...where, ...serverSteps.survivors.entries }),
  /** Who has agreed to that: reveal. */
  unmask: v.strictObject({ type: v.literal('unmask'), ...where, ...serverSteps.unmask.entries }),
  /** Send the chunks of this update from `offset`. Sent again when a place is free or after a reconnect. */
  send: v.strictObject({ type: v.literal('send'), ...where, upload, offset: count }),
  ack: v.strictObject({ type: v.literal('ack'), ...where, upload, offset: count }),
  /** First acknowledgement: checked and held in memory. The client keeps its update. */
  received: v.strictObject({ type: v.literal('received'), ...where }),
  /** Second acknowledgement: the round is durable; the client may forget its update. */
  committed: v.strictObject({
    type: v.literal('committed'),
    ...where,
    result: v.picklist(['done', 'short']),
    weights: sha256,
    weightsBytes: count,
    counted: v.boolean(),
  }),
  /** The attempt came to nothing; the model is unchanged. The update stays good for the next attempt. */
  abandoned: v.strictObject({ type: v.literal('abandoned'), ...where, reason: text(256) }),
  /** A report was not taken. */
  refused: v.strictObject({ type: v.literal('refused'), ...where, code: errorCode, message: text(512) }),
  /** The run is over. */
  finished: v.strictObject({
    type: v.literal('finished'),
    run,
    state: v.picklist(['finished', 'stopped', 'failed']),
    rounds: u32,
    weights: v.optional(sha256),
    weightsBytes: v.optional(count),
    task: v.optional(sha256),
    taskBytes: v.optional(count),
  }),
  /** The last message of a session: why it ends. `retryAfter` in ms. */
  error: v.strictObject({ type: v.literal('error'), code: errorCode, message: text(512), retryAfter: v.optional(u32) }),
  ping: v.strictObject({ type: v.literal('ping') }),
};

type MessagesOf<T extends Record<string, v.GenericSchema>> = { [K in keyof T]: v.InferOutput<T[K]> }[keyof T];
export type ClientMessage = MessagesOf<typeof clientMessages>;
export type ServerMessage = MessagesOf<typeof serverMessages>;
export type MessageOf<M extends { type: string }, T extends M['type']> = Extract<M, { type: T }>;

function check<M>(table: Record<string, v.GenericSchema>, value: unknown): M {
  const type = (value as { type?: unknown } | null)?.type;
  const schema = typeof type === 'string' && Object.hasOwn(table, type) ? table[type] : undefined;
  if (schema === undefined) {
    // Only text is shown: as JSON a binary field of megabytes would take a hundred times as much.
    const shown = typeof type === 'string' ? JSON.stringify(type.slice(0, 40)) : `of another kind (${typeof type})`;
    throw new FederatedError('BAD_MESSAGE', `message: unknown type ${shown}`);
  }
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output as M;
  const issue = result.issues[0];
  throw new FederatedError(
    'BAD_MESSAGE',
    `${type as string}: field ${v.getDotPath(issue) ?? '?'}: ${issue.message}`.slice(0, 256),
  );
}

/** @throws FederatedError BAD_MESSAGE naming the message and the field */
export const checkClientMessage = (value: unknown): ClientMessage => check(clientMessages, value);
/** @throws FederatedError BAD_MESSAGE naming the message and the field */
export const checkServerMessage = (value: unknown): ServerMessage => check(serverMessages, value);
