import { toHex } from '../shared/bytes.ts';
import type { ErrorCode } from '../shared/errors.ts';
import { errorCodes } from '../shared/errors.ts';
import type { ClientMessage, MessageOf, ServerMessage } from '../shared/protocol/messages.ts';
import type { ClientState, WaitReason } from '../shared/states.ts';

/**
 * A client's session with a server, as a pure state machine: `step(state, event)` gives the next state and the effects for
 * `FederatedClient` to carry out. It outlives connections: what was trained is kept until its round is durable, and is
 * offered again after a reconnect or a new attempt, never trained anew.
 */

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
}

/** A finished training that is not durable on the server yet. Its bytes are held outside, under the same key. */
export interface KeptUpdate {
  readonly key: string;
  readonly run: string;
  readonly round: number;
  /** 16 random bytes */
  readonly upload: Uint8Array;
  readonly bytes: number;
  readonly examples: number;
  readonly metrics: Readonly<Record<string, number>>;
  /** What it was trained on. */
  readonly backend: string;
}

export interface SessionState {
  readonly link: 'off' | 'connecting' | 'open' | 'waiting-to-retry';
  /** Connection attempts that failed in a row. */
  readonly failures: number;
  /** Why this device cannot train now, or null. */
  readonly unable: WaitReason | null;
  readonly examples: number | null;
  readonly chunkWindow: number;
  readonly job: Job | null;
  readonly stage: 'idle' | 'fetching' | 'training' | 'offered' | 'uploading' | 'received';
  readonly kept: KeptUpdate | null;
  /** Bytes handed to the socket so far, of the update being uploaded. */
  readonly sent: number;
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
  | { readonly type: 'message'; readonly message: ServerMessage }
  /** The connection ended, or could not be made. */
  | { readonly type: 'disconnected'; readonly code: ErrorCode; readonly message: string }
  | { readonly type: 'retry' }
  | { readonly type: 'fetched'; readonly key: string }
  | { readonly type: 'trained'; readonly update: KeptUpdate }
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
  /** Send bytes [from, to) of the kept update in chunks. */
  | { readonly do: 'upload'; readonly update: KeptUpdate; readonly from: number; readonly to: number }
  | { readonly do: 'forget'; readonly key: string }
  | { readonly do: 'show'; readonly state: ClientState; readonly reason: WaitReason | null }
  | { readonly do: 'outcome'; readonly outcome: RoundOutcome }
  | { readonly do: 'finished'; readonly message: MessageOf<ServerMessage, 'finished'> }
  /** The end: no further connection is tried. */
  | { readonly do: 'fail'; readonly code: ErrorCode; readonly message: string };

export const newSession: SessionState = {
  link: 'off',
  failures: 0,
  unable: null,
  examples: null,
  chunkWindow: 0,
  job: null,
  stage: 'idle',
  kept: null,
  sent: 0,
  shown: 'off',
  reason: null,
};

type Step = [SessionState, SessionEffect[]];

const same = (state: SessionState): Step => [state, []];

/** Sets the state that people see, with an effect only when it changed. */
function show([state, effects]: Step, shown: ClientState, reason: WaitReason | null = null): Step {
  if (state.shown === shown && state.reason === reason) return [state, effects];
  return [{ ...state, shown, reason }, [...effects, { do: 'show', state: shown, reason }]];
}

/** Shows that there is nothing to do, and why: first of all what this device itself lacks. */
const showIdle = ([state, effects]: Step, reason: WaitReason): Step =>
  state.unable === null
    ? show([state, effects], 'waiting', reason)
    : show([state, effects], state.unable === 'paused-by-user' ? 'paused' : 'ineligible', state.unable);

const send = (message: ClientMessage): SessionEffect => ({ do: 'send', message });

const where = ({ run, round, attempt }: Job): { run: string; round: number; attempt: number } => ({
  run,
  round,
  attempt,
});

const ready = (state: SessionState): ClientMessage =>
  state.examples === null ? { type: 'ready' } : { type: 'ready', examples: state.examples };

/** Ends what is being worked on, if anything. */
function dropJob(state: SessionState): Step {
  const working = state.stage === 'fetching' || state.stage === 'training';
  return [{ ...state, job: null, stage: 'idle', sent: 0 }, working ? [{ do: 'cancel-work' }] : []];
}

function forgetKept(state: SessionState): Step {
  return state.kept === null ? same(state) : [{ ...state, kept: null }, [{ do: 'forget', key: state.kept.key }]];
}

/** Offers the kept update to the attempt in progress. */
function offer(state: SessionState, job: Job, update: KeptUpdate): Step {
  const { upload, bytes, examples, metrics, backend } = update;
  const report = {
    type: 'report',
    ...where(job),
    upload,
    bytes,
    examples,
    encoding: 'float32',
    metrics: { ...metrics },
    backend,
  } as const;
  return show([{ ...state, job, stage: 'offered', sent: 0 }, [send(report)]], 'uploading');
}

export function step(state: SessionState, event: SessionEvent): Step {
  switch (event.type) {
    case 'join': {
      if (state.link !== 'off') return same(state);
      const joined: SessionState = { ...state, unable: event.unable, link: 'connecting', failures: 0 };
      return show([joined, [{ do: 'connect' }]], 'connecting');
    }
    case 'able': {
      const able: SessionState = { ...state, unable: null, examples: event.examples };
      if (state.link !== 'open') return same(able);
      return show([able, [send(ready(able))]], 'waiting', 'round-in-progress');
    }
    case 'unable': {
      const [dropped, effects] = dropJob({ ...state, unable: event.reason });
      if (state.link === 'open') effects.push(send({ type: 'unready', reason: event.reason }));
      return show([dropped, effects], event.reason === 'paused-by-user' ? 'paused' : 'ineligible', event.reason);
    }
    case 'message':
      return receive(state, event.message);
    case 'disconnected':
      return disconnected(state, event.code, event.message);
    case 'retry':
      if (state.link !== 'waiting-to-retry') return same(state);
      return show([{ ...state, link: 'connecting' }, [{ do: 'connect' }]], 'connecting');
    case 'fetched': {
      const { job } = state;
      if (job?.key !== event.key || state.stage !== 'fetching') return same(state);
      const effects: SessionEffect[] = [{ do: 'train', job }];
      if (state.link === 'open')
        effects.unshift(send({ type: 'progress', ...where(job), phase: 'training', fraction: 0 }));
      return show([{ ...state, stage: 'training' }, effects], 'training');
    }
    case 'progress': {
      const { job } = state;
      if (job?.key !== event.key || state.stage !== 'training' || state.link !== 'open') return same(state);
      return [state, [send({ type: 'progress', ...where(job), phase: 'training', fraction: event.fraction })]];
    }
    case 'trained': {
      const { job } = state;
      if (job?.key !== event.update.key || state.stage !== 'training') return same(state);
      const kept: SessionState = { ...state, kept: event.update, stage: 'offered' };
      return state.link === 'open' ? offer(kept, job, event.update) : same(kept);
    }
    case 'work-failed': {
      const { job } = state;
      if (job?.key !== event.key) return same(state);
      const effects: SessionEffect[] = [];
      if (state.link === 'open') {
        effects.push(send({ type: 'failed', ...where(job), code: event.code, message: event.message.slice(0, 512) }));
      }
      return show([{ ...state, job: null, stage: 'idle' }, effects], 'waiting', 'round-in-progress');
    }
    case 'leave': {
      const [dropped, effects] = dropJob(state);
      if (state.link === 'open') effects.push(send({ type: 'leave', reason: event.reason }));
      effects.push({ do: 'disconnect' });
      return show([{ ...dropped, link: 'off' }, effects], 'left');
    }
    default:
      return event satisfies never;
  }
}

function receive(state: SessionState, message: ServerMessage): Step {
  switch (message.type) {
    case 'welcome': {
      const open: SessionState = { ...state, link: 'open', failures: 0, chunkWindow: message.windowBytes, sent: 0 };
      if (state.unable !== null)
        return show([open, [send({ type: 'unready', reason: state.unable })]], 'ineligible', state.unable);
      return showIdle([open, [send(ready(open))]], 'round-in-progress');
    }
    case 'wait': {
      // A server that has just come back may not have taken its run up again: what was begun for it stays good.
      if (message.run === undefined) return showIdle(same(state), message.reason);
      const [dropped, effects] = dropJob(state);
      // A round after the kept update's own means that its round is durable, with it or without.
      const outdated =
        state.kept !== null && (message.run !== state.kept.run || (message.round ?? 0) > state.kept.round);
      const [next, more] = outdated ? forgetKept(dropped) : same(dropped);
      return showIdle([next, [...effects, ...more]], message.reason);
    }
    case 'train':
      return train(state, message);
    case 'send': {
      const { job, kept } = state;
      if (job === null || kept === null || !isAbout(job, message) || !isUpload(kept, message.upload))
        return same(state);
      if (message.offset > kept.bytes) return same(state);
      return push({ ...state, stage: 'uploading', sent: message.offset }, message.offset);
    }
    case 'ack': {
      const { job, kept } = state;
      if (job === null || kept === null || state.stage !== 'uploading' || !isUpload(kept, message.upload))
        return same(state);
      return push(state, Math.min(message.offset, kept.bytes));
    }
    case 'received':
      if (state.job === null || !isAbout(state.job, message)) return same(state);
      return show([{ ...state, stage: 'received' }, []], 'reported', 'round-in-progress');
    case 'committed':
    case 'abandoned':
      return roundOver(state, message);
    case 'refused': {
      if (state.job === null || !isAbout(state.job, message)) return same(state);
      const [dropped, effects] = dropJob(state);
      return showIdle([dropped, effects], 'round-in-progress');
    }
    case 'finished': {
      const [dropped, effects] = dropJob(state);
      const [next, more] = forgetKept(dropped);
      return showIdle([next, [...effects, ...more, { do: 'finished', message }]], 'run-finished');
    }
    case 'error':
      return disconnected(state, message.code, message.message);
    case 'ping':
      return same(state);
    default:
      return message satisfies never;
  }
}

function train(state: SessionState, message: MessageOf<ServerMessage, 'train'>): Step {
  const { run, round, attempt, taskBytes, weightsBytes } = message;
  const task = toHex(message.task);
  const weights = toHex(message.weights);
  const key = `${run}/${round}/${task}/${weights}`;
  const job: Job = { key, run, round, attempt, task, weights, taskBytes, weightsBytes };
  if (state.kept?.key === key) return offer(state, job, state.kept);
  if (state.job?.key === key && (state.stage === 'fetching' || state.stage === 'training')) {
    const effects =
      state.stage === 'training' ? [send({ type: 'progress', ...where(job), phase: 'training', fraction: 0 })] : [];
    return show([{ ...state, job }, effects], state.stage === 'training' ? 'training' : 'downloading');
  }
  const [dropped, effects] = dropJob(state);
  const [fresh, more] = forgetKept(dropped);
  return show([{ ...fresh, job, stage: 'fetching' }, [...effects, ...more, { do: 'fetch', job }]], 'downloading');
}

/** Hands out the bytes from what was sent up to one window beyond what is acknowledged. */
function push(state: SessionState, acknowledged: number): Step {
  const update = state.kept!;
  const to = Math.min(update.bytes, acknowledged + state.chunkWindow);
  if (to <= state.sent) return same(state);
  return [{ ...state, sent: to }, [{ do: 'upload', update, from: state.sent, to }]];
}

function roundOver(state: SessionState, message: MessageOf<ServerMessage, 'committed' | 'abandoned'>): Step {
  const { run, round, attempt } = message;
  const mine = state.job !== null && state.job.run === run && state.job.round === round;
  const [dropped, effects] = mine ? dropJob(state) : same(state);
  if (message.type === 'abandoned') {
    // The kept update stays: the next attempt starts from the same model.
    const outcome: RoundOutcome = { run, round, attempt, result: 'abandoned', counted: false };
    return showIdle([dropped, [...effects, { do: 'outcome', outcome }]], 'round-in-progress');
  }
  const durable = state.kept !== null && state.kept.run === run && state.kept.round <= round;
  const [next, more] = durable ? forgetKept(dropped) : same(dropped);
  const { result, counted, weightsBytes } = message;
  const outcome: RoundOutcome = { run, round, attempt, result, counted, weights: toHex(message.weights), weightsBytes };
  return showIdle([next, [...effects, ...more, { do: 'outcome', outcome }]], 'round-in-progress');
}

function disconnected(state: SessionState, code: ErrorCode, message: string): Step {
  if (state.link === 'off' || state.link === 'waiting-to-retry') return same(state);
  // Work goes on while the connection is away; its result is offered when the server asks again.
  const stage = state.stage === 'uploading' || state.stage === 'received' ? 'offered' : state.stage;
  const lost: SessionState = { ...state, stage, sent: 0, failures: state.failures + 1 };
  if (!errorCodes[code].retry) {
    const [dropped, effects] = dropJob({ ...lost, link: 'off' });
    return show([dropped, [...effects, { do: 'disconnect' }, { do: 'fail', code, message }]], 'rejected');
  }
  const retry: SessionEffect = { do: 'retry-later', failures: lost.failures };
  return show(
    [{ ...lost, link: 'waiting-to-retry' }, [{ do: 'disconnect' }, retry]],
    'connecting',
    'server-unreachable',
  );
}

const isAbout = (
  job: Job,
  message: { readonly run: string; readonly round: number; readonly attempt: number },
): boolean => job.run === message.run && job.round === message.round && job.attempt === message.attempt;

const isUpload = (kept: KeptUpdate, upload: Uint8Array): boolean => toHex(kept.upload) === toHex(upload);
