import type { ClientId, RunId, Sha256 } from '../../shared/ids.ts';
import type { RoundRecord } from '../../shared/round-log.ts';
import type { RunState } from '../../shared/states.ts';
import type { RunConfig } from '../config.ts';
import type { Base } from '../open-cohort.ts';

/** A run as the store holds it. `round` is the last committed round; `weights` its model. */
export interface StoredRun {
  readonly id: RunId;
  readonly config: RunConfig;
  /** The task's blob. */
  readonly task: Sha256;
  readonly state: RunState;
  readonly round: number;
  readonly weights: Sha256;
  /** The strategy's state after `round`, as a blob, or null when it has none. */
  readonly strategyState: Sha256 | null;
  /** Why a run failed or stopped, or null. */
  readonly reason: string | null;
  /** ms since 1970. */
  readonly createdAt: number;
}

/**
 * The attempt in progress. Its number is 0 between two attempts of an asynchronous run: nobody is picked yet, and `bases` has those
 * who go on with what they are at, or give once more what they have. Any other is stored before the first client hears of it, so that a restart goes on with the same cohort. */
export interface StoredAttempt {
  readonly run: RunId;
  readonly round: number;
  readonly attempt: number;
  readonly cohort: readonly ClientId[];
  /** How many reports close the round at once (the cohort may be larger: over-selection). */
  readonly wanted: number;
  /** In an asynchronous run: those of the cohort that were at work already, and from which model. */
  readonly bases?: readonly (readonly [ClientId, Base])[];
}

/** What central evaluation measured on the model after a round: `loss`, `accuracy`, `examples`. */
export type Evaluation = Readonly<Record<string, number>>;

export interface StoredRound {
  readonly record: RoundRecord;
  readonly evaluation: Evaluation | null;
  /** Measurements that the chain does not cover: seconds, bytes, client metrics. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** Where a run's log ends, without reading all of it. */
export interface NewestRecords {
  readonly record: RoundRecord | null;
  /** The newest round that was measured. */
  readonly evaluated: { readonly round: number; readonly evaluation: Evaluation } | null;
}

export interface StoredClient {
  readonly id: ClientId;
  readonly publicKey: Uint8Array;
  readonly label: string;
  /** `excluded` clients are refused at the door. */
  readonly state: 'active' | 'excluded';
  /** ms since 1970. */
  readonly admittedAt: number;
}

/**
 * What must outlive the process. Every method that resolves has made its change durable (SQLite: WAL, synchronous FULL).
 * `test/contracts/store.ts` is the suite that each implementation runs.
 */
export interface Store {
  createRun(run: StoredRun): Promise<void>;
  /** @throws FederatedError NOT_FOUND */
  run(id: RunId): Promise<StoredRun>;
  /** All runs, oldest first. */
  runs(): Promise<StoredRun[]>;
  /** @throws FederatedError NOT_FOUND */
  setRunState(id: RunId, state: RunState, reason: string | null): Promise<void>;
  /** Removes a run, its rounds and its attempt; its name stays taken. Blobs stay until `collect`. @throws FederatedError NOT_FOUND */
  removeRun(id: RunId): Promise<void>;
  /** Names of the runs that there are and that there were: clients remember which rounds of a name they have taken part in. */
  takenNames(): Promise<ReadonlySet<RunId>>;

  /** Replaces the run's attempt in progress. */
  saveAttempt(attempt: StoredAttempt): Promise<void>;
  /** The attempt in progress, or null. */
  attempt(run: RunId): Promise<StoredAttempt | null>;

  /**
   * One transaction: appends the record to the log, moves the run to its round and weights (an abandoned attempt leaves
   * both), and clears the attempt in progress; with `bases` attempt 0 of what comes next takes its place.
   * @throws FederatedError BAD_STATE when the record does not follow the last one (sequence number or previous hash), so
   *   that a round can never be committed twice
   */
  commitRound(
    run: RunId,
    round: StoredRound,
    after: {
      readonly weights: Sha256;
      readonly strategyState: Sha256 | null;
      readonly bases?: NonNullable<StoredAttempt['bases']>;
    },
  ): Promise<void>;
  /** Adds the evaluation of a committed round. @throws FederatedError NOT_FOUND */
  setEvaluation(run: RunId, round: number, evaluation: Evaluation): Promise<void>;
  /** Rounds in order of their sequence number, from `after` (exclusive) on. */
  rounds(run: RunId, after?: number): Promise<StoredRound[]>;
  /** The newest record and evaluation, at a cost that does not grow with the log. */
  newest(run: RunId): Promise<NewestRecords>;

  /** Says that models of a run are removed, by the names of their blobs: before they are. @throws FederatedError NOT_FOUND */
  markPruned(run: RunId, blobs: readonly Sha256[]): Promise<void>;
  /** The models of a run that were removed on purpose. */
  pruned(run: RunId): Promise<ReadonlySet<Sha256>>;

  /** Adds or replaces a client of the roster. */
  saveClient(client: StoredClient): Promise<void>;
  client(id: ClientId): Promise<StoredClient | null>;
  clients(): Promise<StoredClient[]>;

  close(): Promise<void>;
}

/** Bytes in one piece of a blob that is read bit by bit. */
export const blobPieceBytes = 256 * 1024;

/** Large immutable things, named by the SHA-256 of their bytes. */
export interface BlobStore {
  /** Durable when resolved (temp file, fsync, rename, fsync of the folder). Putting a blob that is there does nothing. */
  put(bytes: Uint8Array): Promise<Sha256>;
  /** The whole blob, its hash checked. @throws FederatedError NOT_FOUND or STORE_CORRUPT */
  get(id: Sha256): Promise<Uint8Array>;
  /** Bytes, or null when it is not there. */
  size(id: Sha256): Promise<number | null>;
  /**
   * The bytes from `start` to `end` (exclusive) in pieces of at most `blobPieceBytes`, so that a large blob is sent without ever
   * being whole in memory. Its hash is not checked: who receives all of it can. @throws FederatedError NOT_FOUND
   */
  read(id: Sha256, start: number, end: number): AsyncIterable<Uint8Array>;
  /** Removes these blobs; one that is not there is no error. They may come back after a power cut. */
  remove(ids: readonly Sha256[]): Promise<void>;
  /** Removes the blobs that are not in `keep`. */
  collect(keep: ReadonlySet<Sha256>): Promise<number>;
}
