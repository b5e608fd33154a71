import { FederatedError, type ErrorCode } from '../../shared/errors.ts';
import type { ClientMessage, MessageOf, ServerMessage } from '../../shared/protocol/messages.ts';
import type { ClientState, WaitReason } from '../../shared/states.ts';

/** What a client's session is made of: its state, what happens to it, and what it asks to be done. */

/** One round's work. Two trainings with the same key start from the same model and give the same update. */
export interface Job {
  readonly key: string;
  readonly run: string;
  readonly round: number;
  readonly attempt: number;
  readonly task: string;
  readonly weights: string;
  readonly taskBytes: number;
  readonly weightsBytes: number;
  /** What the run's strategy tells clients beside the model, or null. */
  readonly control: { readonly sha256: string; readonly bytes: number } | null;
  /** The plans of secure aggregation, as JSON; null: the server sees the update. */
  readonly plans: { readonly secagg: string; readonly update: string } | null;
}

/** Bytes on their way to the server, held outside under their name. */
export interface Outgoing {
  /** 16 random bytes */
  readonly upload: Uint8Array;
  readonly bytes: number;
}

/** A finished training that is not durable on the server yet. Its bytes are held outside, under the same key. */
export interface KeptUpdate extends Outgoing {
  readonly key: string;
  readonly run: string;
  readonly round: number;
  readonly examples: number;
  readonly metrics: Readonly<Record<string, number>>;
  /** What it was trained on. */
  readonly backend: string;
}

/** What the server asks in an attempt with secure aggregation, one after the other. */
export type SecureQuestion = MessageOf<ServerMessage, 'roster' | 'delivery' | 'survivors' | 'unmask'>;

export interface SessionState {
  readonly link: 'off' | 'connecting' | 'open' | 'waiting-to-retry';
  /** Connection attempts that failed in a row. */
  readonly failures: number;
  /** The refusal that ended the last tries, which may have been damage on the way, and how many in a row it ended; or null. */
  readonly doubt: { readonly code: ErrorCode; readonly times: number } | null;
  /** After so many of them the client gives up. */
  readonly maxDoubts: number;
  /** Why this device cannot train now, or null. */
  readonly unable: WaitReason | null;
  readonly examples: number | null;
  readonly chunkWindow: number;
  readonly job: Job | null;
  /** `securing`: an attempt with secure aggregation is in progress, and the masked update is not there yet. */
  readonly stage: 'idle' | 'fetching' | 'training' | 'securing' | 'offered' | 'uploading' | 'received';
  readonly kept: KeptUpdate | null;
  /** The kept update as it is sent in this attempt: itself, or its masked form. Null before it is offered. */
  readonly outgoing: Outgoing | null;
  /** Bytes handed to the socket so far, of the update being uploaded. */
  readonly sent: number;
  /**
   * Whether the job was given on this connection, and its attempt is not over. After a reconnect, and between attempts, nothing is
   * said of it before the server asks again.
   */
  readonly told: boolean;
  /** The newest run that was announced with secure aggregation: nothing of it ever goes out in clear. */
  readonly secureRun: string | null;
  readonly shown: ClientState;
  readonly reason: WaitReason | null;
}

export interface RoundOutcome {
  readonly run: string;
  readonly round: number;
  readonly attempt: number;
  readonly result: 'done' | 'short' | 'abandoned';
  /** Whether this client's report is in the sum. */
  readonly counted: boolean;
  /** The new global model's blob; absent when abandoned. */
  readonly weights?: string;
  readonly weightsBytes?: number;
}

export type SessionEvent =
  | { readonly type: 'join'; readonly unable: WaitReason | null }
  /** `examples`: how many there are to train on, where that is known. */
  | { readonly type: 'able'; readonly examples: number | null }
  | { readonly type: 'unable'; readonly reason: WaitReason }
  /** An update was found on the device, of an earlier start of this client with this server. */
  | { readonly type: 'restored'; readonly update: KeptUpdate; readonly secure: boolean }
  | { readonly type: 'message'; readonly message: ServerMessage }
  /** The connection ended, or could not be made. `isSure`: what ended it was said under a seal, so no damage on the way. */
  | { readonly type: 'disconnected'; readonly code: ErrorCode; readonly message: string; readonly isSure: boolean }
  | { readonly type: 'retry' }
  | { readonly type: 'fetched'; readonly key: string }
  | { readonly type: 'trained'; readonly update: KeptUpdate }
  /** An answer of secure aggregation is ready to be sent; the masked update is ready to be offered. */
  | { readonly type: 'secured'; readonly job: Job; readonly message: ClientMessage }
  | { readonly type: 'masked'; readonly job: Job; readonly masked: Outgoing }
  | { readonly type: 'work-failed'; readonly key: string; readonly code: ErrorCode; readonly message: string }
  | { readonly type: 'progress'; readonly key: string; readonly fraction: number }
  | { readonly type: 'leave'; readonly reason: 'user' | 'consent' | 'finished' };

export type SessionEffect =
  | { readonly do: 'connect' }
  | { readonly do: 'disconnect' }
  | { readonly do: 'send'; readonly message: ClientMessage }
  /** Connect again after a jittered back-off; then answer with `retry`. */
  | { readonly do: 'retry-later'; readonly failures: number }
  | { readonly do: 'fetch'; readonly job: Job }
  | { readonly do: 'train'; readonly job: Job }
  | { readonly do: 'cancel-work' }
  /** Begin an attempt with secure aggregation; answer a question of it; give the last answer again; give it up. */
  | { readonly do: 'secure'; readonly job: Job; readonly update: KeptUpdate }
  | { readonly do: 'answer'; readonly job: Job; readonly question: SecureQuestion }
  | { readonly do: 'answer-again'; readonly job: Job }
  | { readonly do: 'end-secure' }
  /** Send bytes [from, to) of what is outgoing in chunks. */
  | { readonly do: 'upload'; readonly outgoing: Outgoing; readonly from: number; readonly to: number }
  | { readonly do: 'forget'; readonly key: string }
  | { readonly do: 'show'; readonly state: ClientState; readonly reason: WaitReason | null }
  | { readonly do: 'outcome'; readonly outcome: RoundOutcome }
  /** This client does not do its part in an attempt, or was refused and tries again. */
  | { readonly do: 'problem'; readonly code: ErrorCode; readonly message: string }
  | { readonly do: 'finished'; readonly message: MessageOf<ServerMessage, 'finished'> }
  /** The end: no further connection is tried. */
  | { readonly do: 'fail'; readonly code: ErrorCode; readonly message: string };

export const newSession: SessionState = {
  link: 'off',
  failures: 0,
  doubt: null,
  maxDoubts: 5,
  unable: null,
  examples: null,
  chunkWindow: 0,
  job: null,
  stage: 'idle',
  kept: null,
  outgoing: null,
  sent: 0,
  told: false,
  secureRun: null,
  shown: 'off',
  reason: null,
};

/** @throws FederatedError BAD_ARGUMENT */
export function beginSession(maxDoubtfulRefusals = newSession.maxDoubts): SessionState {
  if (Number.isSafeInteger(maxDoubtfulRefusals) && maxDoubtfulRefusals >= 1) {
    return { ...newSession, maxDoubts: maxDoubtfulRefusals };
  }
  const message = `maxDoubtfulRefusals: expected a whole number from 1 on, got ${maxDoubtfulRefusals}`;
  throw new FederatedError('BAD_ARGUMENT', message);
}
