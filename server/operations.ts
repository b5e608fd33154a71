import type { ClientId, RunId, Sha256 } from '../shared/ids.ts';
import type { ClientState, RoundPhase, RunState, WaitReason } from '../shared/states.ts';
import type { RunConfig } from './config.ts';
import type { Evaluation, StoredRound } from './store/store.ts';

/** What operators can see and do: the surface that the HTTP API, the page and the command line stand on. */

export interface RunView {
  readonly id: RunId;
  readonly task: string;
  readonly strategy: string;
  readonly state: RunState;
  /** Why nothing is happening, or null. */
  readonly waiting: WaitReason | null;
  /** One plain sentence about where the run stands. */
  readonly message: string;
  /** Committed rounds, of `rounds`. */
  readonly round: number;
  readonly rounds: number;
  readonly weights: Sha256;
  readonly parameters: number;
  readonly evaluation: Evaluation | null;
  /** The round in progress, or null. */
  readonly current: CurrentRound | null;
  readonly secureAggregation: boolean;
  /** ms since 1970. */
  readonly createdAt: number;
  readonly reason: string | null;
  /** The committed round from which the server went on after its last start, or null when it did not resume this run. */
  readonly resumedAt: number | null;
}

export interface CurrentRound {
  readonly round: number;
  readonly attempt: number;
  readonly phase: RoundPhase;
  readonly cohort: number;
  readonly wanted: number;
  readonly reported: number;
  /** ms since 1970, or null when the phase has no deadline. */
  readonly deadline: number | null;
}

export interface ClientView {
  readonly id: ClientId;
  readonly label: string;
  readonly state: ClientState;
  readonly waiting: WaitReason | null;
  readonly connected: boolean;
  readonly excluded: boolean;
  readonly backend: string;
  readonly software: string;
  readonly examples: number | null;
  /** 0 to 1 within its state, or null. */
  readonly progress: number | null;
  readonly roundsReported: number;
  readonly bytesUp: number;
  /** ms since 1970. */
  readonly lastSeen: number | null;
}

export interface ServerInfo {
  readonly name: 'fedloom';
  readonly version: string;
  readonly fingerprint: string;
  readonly admission: 'code' | 'registered' | 'open';
  /** The link that clients join with; only shown to admins. */
  readonly joinLink?: string;
  /** ms since 1970. */
  readonly startedAt: number;
  readonly connections: number;
}

/** Something that happened, for the page and for `events.jsonl`. */
export interface ServerEvent {
  /** `<start of the process in base 36>-<number>`: ordered within one life of the server. */
  readonly id: string;
  /** ms since 1970. */
  readonly at: number;
  readonly run: RunId | null;
  readonly type: 'run' | 'round' | 'phase' | 'client' | 'report' | 'evaluation' | 'refused';
  /** One plain sentence. */
  readonly message: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Operations {
  info(): ServerInfo;
  runs(): Promise<RunView[]>;
  /** @throws FederatedError NOT_FOUND */
  run(id: RunId): Promise<RunView>;
  /** @throws FederatedError NOT_FOUND */
  config(id: RunId): Promise<RunConfig>;
  /** @throws FederatedError NOT_FOUND */
  rounds(id: RunId, after?: number): Promise<StoredRound[]>;
  /** @throws FederatedError BAD_CONFIG, BAD_MODEL */
  create(config: unknown, id?: RunId): Promise<RunView>;
  /** Ends the round in progress first. @throws FederatedError NOT_FOUND, BAD_STATE */
  pause(id: RunId): Promise<RunView>;
  /** @throws FederatedError NOT_FOUND, BAD_STATE */
  resume(id: RunId): Promise<RunView>;
  /** Ends the round in progress first, unless `now`, which abandons it. @throws FederatedError NOT_FOUND, BAD_STATE */
  stop(id: RunId, options?: { readonly now?: boolean }): Promise<RunView>;
  /** @throws FederatedError NOT_FOUND, BAD_STATE unless the run is over */
  remove(id: RunId): Promise<void>;
  clients(): Promise<ClientView[]>;
  /** Puts a client's key on the roster, so that it is admitted without a join code. @throws FederatedError BAD_ARGUMENT */
  register(publicKey: Uint8Array, label: string): Promise<ClientId>;
  /** Ends the client's session and refuses it from now on, or lets it in again. @throws FederatedError NOT_FOUND */
  exclude(id: ClientId, excluded: boolean): Promise<void>;
}

export type Role = 'admin' | 'viewer' | 'client';
