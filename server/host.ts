import type { GeneratorName, Primitives, RandomBytes } from '../shared/crypto/primitives.ts';
import type { ClientId } from '../shared/ids.ts';
import type { Limits } from '../shared/protocol/limits.ts';
import type { ServerMessage } from '../shared/protocol/messages.ts';
import type { ModelSpec } from '../shared/tasks/model.ts';
import type { EventLog } from './event-log.ts';
import type { MaskPool } from './masking/mask-pool.ts';
import type { Metrics } from './metrics.ts';
import type { BlobStore, Evaluation, Store } from './store/store.ts';

/** Time, as everything that acts takes it. Milliseconds. */
export interface Clock {
  /** ms since 1970: what a calendar says. It may jump, so it is for what people read and for what ends on a date. */
  now(): number;
  /** Whole ms since some moment in the past; nothing sets it. All durations are measured by it. */
  steady(): number;
  /** Runs the function once after so many ms; the returned function cancels it. */
  after(ms: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  steady: () => Math.floor(performance.now()),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

export interface Log {
  debug(data: object, message: string): void;
  info(data: object, message: string): void;
  warn(data: object, message: string): void;
  error(data: object, message: string): void;
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** The points of a round that a test can stop at; between two of them the server may be killed without loss. */
export type StepName =
  | 'attempt-saved'
  | 'train-sent'
  | 'adverts-closed'
  | 'shares-closed'
  | 'upload-begun'
  | 'report-received'
  | 'sum-masked'
  | 'consents-closed'
  | 'unmasked'
  | 'aggregated'
  | 'blob-durable'
  | 'round-committed'
  | 'clients-told'
  | 'evaluated';

/** Looks at every update that counts in a round, as its client has reported it. */
export interface UpdateMeasure {
  /** @param update - length d; not to be kept or changed */
  add(update: Float32Array): void;
  /** For the round's line of metrics. */
  metrics(): Record<string, number>;
}

/** The outside world of the server's coordinator. */
export interface Host {
  readonly clock: Clock;
  readonly primitives: Primitives;
  /** Cryptographic. */
  readonly randomBytes: RandomBytes;
  /** Threads that take masks off sums. */
  readonly masks: MaskPool;
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly log: Log;
  readonly limits: Limits;
  readonly events: EventLog;
  readonly metrics: Metrics;
  /** Central evaluation on data of the server's own; absent: none. */
  readonly evaluate?: (model: ModelSpec, weights: Float32Array) => Promise<Evaluation>;
  /** Begins a round's measure of its updates; absent: none. Under secure aggregation the server sees none, and it is not asked. */
  readonly measureUpdates?: (bounds: {
    /** d */
    readonly length: number;
    readonly maxNorm: number;
    readonly maxReports: number;
  }) => UpdateMeasure;
  /** Called at each named step of a round. */
  readonly onStep?: (step: StepName) => void;
}

/** The connected clients, as a run sees them. */
export interface Population {
  /** Ids of the clients that are connected and able to train. */
  ready(): ClientId[];
  isReady(id: ClientId): boolean;
  /** What a client can mask with; of one that is not connected nothing is known. */
  generators(id: ClientId): readonly GeneratorName[];
  /** Ids of all connected clients, also of those that cannot train now. */
  everyone(): ClientId[];
  /** Does nothing for a client that is not connected. */
  send(id: ClientId, message: ServerMessage): void;
}
