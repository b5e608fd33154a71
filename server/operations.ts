import type { ClientId, RunId, Sha256 } from '../shared/ids.ts';
import type { ClientState, RoundPhase, RoundResult, RunState, WaitReason } from '../shared/states.ts';
import type { AuditState } from './access/audit-log.ts';
import type { RunConfig } from './config.ts';
import type { ExportedModel, ModelWanted } from './export/model-files.ts';
import type { MemberState } from './round.ts';
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

/** One attempt that has ended, as the history of a run shows it. */
export interface RoundSummary {
  /** 1, 2, 3 ... over all attempts of the run. */
  readonly sequence: number;
  readonly round: number;
  readonly attempt: number;
  readonly result: RoundResult;
  /** Why it was abandoned; empty otherwise. */
  readonly reason: string;
  /** ms since 1970. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Clients picked, and those whose reports are in the sum. */
  readonly cohort: number;
  readonly reports: number;
  /** The model after it. */
  readonly weights: Sha256;
  readonly evaluation: Evaluation | null;
  readonly metrics: Readonly<Record<string, number>>;
}

/** One attempt, client by client. */
export interface RoundDetail {
  readonly round: number;
  readonly attempt: number;
  /** Null once it is over. */
  readonly phase: RoundPhase | null;
  readonly result: RoundResult | null;
  readonly reason: string;
  /** ms since 1970, as all times here. */
  readonly startedAt: number;
  readonly endedAt: number | null;
  /** End of the present phase, or null. */
  readonly deadline: number | null;
  /** Null where only the log remembers the attempt. */
  readonly wanted: number | null;
  readonly minReports: number | null;
  /** When each phase began. */
  readonly phases: Readonly<Partial<Record<RoundPhase, number>>>;
  readonly modelBytes: number;
  readonly secureAggregation: boolean;
  /** Whether times, norms and bytes of single clients are known: of recent attempts, which are still in memory. */
  readonly timed: boolean;
  readonly clients: readonly ClientInRound[];
}

/** A client in one attempt. What is not known, or not yet, is null. */
export interface ClientInRound {
  readonly id: ClientId;
  readonly state: MemberState | 'reported' | 'abandoned';
  readonly examples: number | null;
  /** L2 norm of its update; hidden under secure aggregation, as are accuracy and loss. */
  readonly norm: number | null;
  /** As the client measured it on its own examples, 0 to 1. */
  readonly accuracy: number | null;
  readonly loss: number | null;
  readonly backend: string;
  /** Of its update, so far. */
  readonly bytes: number;
  /** It was told to train; it had the model; it had an update to send; the update counted. ms since 1970. */
  readonly sentAt: number | null;
  readonly modelAt: number | null;
  readonly offeredAt: number | null;
  readonly countedAt: number | null;
}

/** A round for which a client was picked. */
export interface ClientRound {
  readonly sequence: number;
  readonly round: number;
  readonly attempt: number;
  readonly result: RoundResult;
  /** Whether its report is in the sum. */
  readonly counted: boolean;
  readonly examples: number | null;
  /** ms since 1970. */
  readonly endedAt: number;
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
  /** Bytes from clients and to clients since the start. */
  readonly traffic: { readonly up: number; readonly down: number };
  /** Whether what is done over the API can be written down. */
  readonly audit: AuditState;
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
  /** The same rounds without their lists of clients. @throws FederatedError NOT_FOUND */
  history(id: RunId, after?: number): Promise<RoundSummary[]>;
  /** All attempts at a round, oldest first. @throws FederatedError NOT_FOUND */
  round(id: RunId, round: number): Promise<RoundDetail[]>;
  /** The rounds of a run that a client was picked for, oldest first. @throws FederatedError NOT_FOUND */
  clientRounds(id: RunId, client: ClientId): Promise<ClientRound[]>;
  /** A committed model as files. @throws FederatedError NOT_FOUND, BAD_ARGUMENT, BAD_MODEL */
  exportModel(wanted: ModelWanted): Promise<ExportedModel>;
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
