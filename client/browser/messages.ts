import type { Examples } from '../../shared/engine/engine.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import type { Task } from '../../shared/tasks/task.ts';
import type { FederatedClientOptions, ProblemDetail, StateDetail } from '../client-options.ts';
import type { Readings } from '../conditions.ts';
import type { ConsentRecord } from '../consent.ts';
import type { Inspection } from '../inspection.ts';
import type { GlobalModel } from '../model-cache.ts';
import type { RoundOutcome } from '../session/types.ts';

/**
 * Between a page and the host of its client: a worker, or the page itself where no worker can be started. Each side is our
 * own code, of the same version, so the messages are typed and not checked. A question has a number; its answer carries the
 * same number.
 */

/** What the host is told of the client's options: all but functions. */
export interface HostOptions extends Omit<FederatedClientOptions, 'data' | 'trainer'> {
  /** Absolute URL of a module with `train`. */
  readonly module?: string;
  /** See `BackendOptions`. */
  readonly wasmPath?: string;
  /** Name of the IndexedDB database. */
  readonly database: string;
}

/** What a page asks of its host, and what the answer is. */
export interface Calls {
  /** Answered when the client has left. */
  join: { readonly ask: undefined; readonly answer: undefined };
  model: { readonly ask: undefined; readonly answer: GlobalModel };
  inspect: { readonly ask: undefined; readonly answer: Inspection };
  /** What is stored. */
  consent: { readonly ask: undefined; readonly answer: ConsentRecord | null };
  grant: { readonly ask: string | undefined; readonly answer: ConsentRecord | null };
  revoke: { readonly ask: undefined; readonly answer: ConsentRecord | null };
}
export type CallName = keyof Calls;

/** What a host asks of its page. */
export interface Questions {
  examples: { readonly ask: Task; readonly answer: Examples };
  readings: { readonly ask: undefined; readonly answer: Readings };
}
export type QuestionName = keyof Questions;

/** An answer to either side. */
export type Answer =
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly type: 'refused'; readonly id: number; readonly code: ErrorCode; readonly message: string };

/** From the page to the host. */
export type PageMessage =
  | { readonly type: 'start'; readonly options: HostOptions }
  | { readonly type: 'call'; readonly id: number; readonly name: CallName; readonly ask: unknown }
  | { readonly type: 'leave' }
  /** What `readings` says may have changed. */
  | { readonly type: 'changed' }
  | Answer;

/** From the host to the page. */
export type HostMessage =
  /** First of all. */
  | { readonly type: 'ready' }
  | { readonly type: 'state'; readonly detail: StateDetail; readonly backend: string }
  | { readonly type: 'round'; readonly detail: RoundOutcome }
  | { readonly type: 'problem'; readonly detail: ProblemDetail }
  | { readonly type: 'consent'; readonly detail: ConsentRecord }
  | { readonly type: 'ask'; readonly id: number; readonly name: QuestionName; readonly ask: unknown }
  /** The answer is not wanted any more. */
  | { readonly type: 'cancel'; readonly id: number }
  | Answer;

/** One end of the line between them. */
export interface Port<Sent> {
  postMessage(message: Sent, transfer: Transferable[]): void;
}
