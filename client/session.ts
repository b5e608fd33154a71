import { toHex } from '../shared/bytes.ts';
import type { ErrorCode } from '../shared/errors.ts';
import { errorCodes } from '../shared/errors.ts';
import type { ClientMessage, MessageOf, ServerMessage } from '../shared/protocol/messages.ts';
import type { ClientState, WaitReason } from '../shared/states.ts';
import type {
  Job,
  KeptUpdate,
  Outgoing,
  RoundOutcome,
  SessionEffect,
  SessionEvent,
  SessionState,
} from './session-types.ts';

/**
 * A client's session with a server, as a pure state machine: `step(state, event)` gives the next state and the effects for
 * `FederatedClient` to carry out. It outlives connections: what was trained is kept until its round is durable, and is
 * offered again after a reconnect or a new attempt, never trained anew.
 */

type Step = [SessionState, SessionEffect[]];

/** The refusals that the next attempt would meet again: the run's plan is not for this client. */
const planRefusals: readonly ErrorCode[] = [
  'SECAGG_REQUIRED',
  'SECAGG_SMALL_COHORT',
  'SECAGG_WEAK_THRESHOLD',
  'SECAGG_WEAK_GRAPH',
  'SECAGG_SMALL_MODULUS',
  'SECAGG_LOOSE_CLIP',
  'BAD_PLAN',
  'NOT_SUPPORTED',
  'MODULUS_OVERFLOW',
];
/** What keeps a client from a run, and not from the next. */
const runReasons: readonly (WaitReason | null)[] = ['plan-refused', 'data-too-small'];

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
  const effects: SessionEffect[] = [];
  if (state.stage === 'fetching' || state.stage === 'training') effects.push({ do: 'cancel-work' });
  if (state.job !== null && state.job.plans !== null) effects.push({ do: 'end-secure' });
  return [{ ...state, job: null, stage: 'idle', outgoing: null, sent: 0 }, effects];
}

/**
 * Ends the attempt, not the work: the round's next attempt starts from the same model, so that what is in training goes on and
 * is kept for it. Otherwise a client slower than a deadline would begin anew each time, and never be done.
 */
function leaveAttempt(state: SessionState): Step {
  if (state.stage !== 'fetching' && state.stage !== 'training') return dropJob(state);
  return same({ ...state, told: false });
}

function forgetKept(state: SessionState): Step {
  return state.kept === null ? same(state) : [{ ...state, kept: null }, [{ do: 'forget', key: state.kept.key }]];
}

/** Brings the kept update to the attempt in progress: in clear at once, or masked after what secure aggregation asks first. */
function contribute(state: SessionState, job: Job, update: KeptUpdate): Step {
  if (job.plans === null) return offer({ ...state, job }, job, update, update);
  if (state.job !== null && state.job.plans !== null && isAbout(state.job, job)) {
    // The connection was lost in the middle of this attempt.
    if (state.outgoing !== null) return offer(state, job, update, state.outgoing);
    if (state.stage === 'securing') return [state, [{ do: 'answer-again', job }]];
  }
  const [dropped, effects] = dropJob(state);
  const securing: SessionState = { ...dropped, job, stage: 'securing' };
  return show([securing, [...effects, { do: 'secure', job, update }]], 'uploading');
}

/** Gives a job up, and tells the server and people why; for good where the next attempt would be no better. */
function giveUp(state: SessionState, job: Job, code: ErrorCode, message: string): Step {
  // An update that may go into no further sum is of no use any more: the next attempt trains anew.
  const [kept, forgetting] = code === 'SECAGG_DIFFERENCE' ? forgetKept(state) : same(state);
  const [dropped, effects] = dropJob(kept);
  effects.push(...forgetting);
  if (state.told) {
    effects.push(send({ type: 'failed', ...where(job), code, message: message.slice(0, 512) }));
  }
  effects.push({ do: 'problem', code, message });
  if (!planRefusals.includes(code)) return showIdle([dropped, effects], 'round-in-progress');
  const [unable, more] = cannot(dropped, 'plan-refused');
  return [unable, [...effects, ...more]];
}

/** Ends what is being worked on, for a reason of this device's own. */
function cannot(state: SessionState, reason: WaitReason): Step {
  const [dropped, effects] = dropJob({ ...state, unable: reason });
  if (state.link === 'open') effects.push(send({ type: 'unready', reason }));
  return showIdle([dropped, effects], reason);
}

/** Offers the update, or its masked form, which says nothing beside. */
function offer(state: SessionState, job: Job, update: KeptUpdate, outgoing: Outgoing): Step {
  const { upload, bytes } = outgoing;
  const { examples, metrics, backend } = update;
  const content =
    job.plans === null
      ? ({ examples, encoding: 'float32', metrics: { ...metrics } } as const)
      : ({ examples: 0, encoding: 'masked', metrics: {} } as const);
  const report = { type: 'report', ...where(job), upload, bytes, ...content, backend } as const;
  return show([{ ...state, stage: 'offered', outgoing, sent: 0 }, [send(report)]], 'uploading');
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
    case 'unable':
      return cannot(state, event.reason);
    case 'restored':
      if (state.kept !== null || state.job !== null) return same(state);
      return same({ ...state, kept: event.update, secureRun: event.secure ? event.update.run : state.secureRun });
    case 'message':
      return receive(state, event.message);
    case 'disconnected':
      return disconnected(state, event.code, event.message, event.isSure);
    case 'retry':
      if (state.link !== 'waiting-to-retry') return same(state);
      return show([{ ...state, link: 'connecting' }, [{ do: 'connect' }]], 'connecting');
    case 'fetched': {
      const { job } = state;
      if (job?.key !== event.key || state.stage !== 'fetching') return same(state);
      const effects: SessionEffect[] = [{ do: 'train', job }];
      if (state.told) effects.unshift(send({ type: 'progress', ...where(job), phase: 'training', fraction: 0 }));
      const next: Step = [{ ...state, stage: 'training' }, effects];
      return state.told ? show(next, 'training') : next;
    }
    case 'progress': {
      const { job } = state;
      if (job?.key !== event.key || state.stage !== 'training' || !state.told) return same(state);
      return [state, [send({ type: 'progress', ...where(job), phase: 'training', fraction: event.fraction })]];
    }
    case 'trained': {
      const { job } = state;
      const isAwaited = state.stage === 'training' || state.stage === 'fetching'; // once more, if this one was given up
      if (job?.key !== event.update.key || !isAwaited) return trainedLate(state, event.update);
      const kept: SessionState = { ...state, kept: event.update, stage: 'offered' };
      if (state.told) return contribute(kept, job, event.update);
      return state.link === 'open' ? showIdle(same(kept), 'round-in-progress') : same(kept);
    }
    case 'secured':
      return state.job !== null && isAbout(state.job, event.job) && state.told
        ? [state, [send(event.message)]]
        : same(state);
    case 'masked': {
      const { job, kept } = state;
      if (job === null || kept === null || !isAbout(job, event.job)) return same(state);
      // Asked again after a cut, when it is offered already.
      if (state.outgoing !== null && isUpload(state.outgoing, event.masked.upload)) return same(state);
      const masked: SessionState = { ...state, outgoing: event.masked, stage: 'offered' };
      return state.told ? offer(masked, job, kept, event.masked) : same(masked);
    }
    case 'work-failed': {
      const { job } = state;
      return job?.key === event.key ? giveUp(state, job, event.code, event.message) : same(state);
    }
    case 'leave':
      return leave(state, event.reason);
    default:
      return event satisfies never;
  }
}

/** A training that was done when its job was given up: kept for the round's next attempt, unless there is something newer. */
function trainedLate(state: SessionState, update: KeptUpdate): Step {
  if (state.kept?.key === update.key) return same(state);
  if (state.link !== 'off' && state.job === null && state.kept === null) return same({ ...state, kept: update });
  return [state, [{ do: 'forget', key: update.key }]];
}

function leave(state: SessionState, reason: 'user' | 'consent' | 'finished'): Step {
  const [dropped, effects] = dropJob({ ...state, told: false });
  // Without consent nothing is kept for another time.
  const [next, more] = reason === 'consent' ? forgetKept({ ...dropped, secureRun: null }) : same(dropped);
  if (state.link === 'off') return [next, [...effects, ...more]];
  if (state.link === 'open') effects.push(send({ type: 'leave', reason }));
  return show([{ ...next, link: 'off' }, [...effects, ...more, { do: 'disconnect' }]], 'left');
}

function receive(state: SessionState, message: ServerMessage): Step {
  switch (message.type) {
    case 'welcome': {
      const open: SessionState = {
        ...state,
        link: 'open',
        failures: 0,
        doubt: null,
        chunkWindow: message.windowBytes,
        sent: 0,
        told: false,
      };
      if (state.unable !== null)
        return show([open, [send({ type: 'unready', reason: state.unable })]], 'ineligible', state.unable);
      return showIdle([open, [send(ready(open))]], 'round-in-progress');
    }
    case 'wait': {
      // A server that has just come back may not have taken its run up again: what was begun for it stays good.
      if (message.run === undefined) return showIdle(same(state), message.reason);
      const { job } = state;
      const isCurrent = job !== null && job.run === message.run && job.round === message.round;
      const [dropped, effects] = isCurrent ? leaveAttempt(state) : dropJob(state);
      // A round after the kept update's own means that its round is durable, with it or without.
      const outdated =
        state.kept !== null && (message.run !== state.kept.run || (message.round ?? 0) > state.kept.round);
      const [next, more] = outdated ? forgetKept(dropped) : same(dropped);
      return showIdle([next, [...effects, ...more]], message.reason);
    }
    case 'train':
      // One that has crossed with this client's `unready` is none of its business.
      return state.unable === null ? train({ ...state, told: true }, message) : same(state);
    case 'send': {
      const { job, outgoing } = state;
      if (job === null || outgoing === null || !isAbout(job, message) || !isUpload(outgoing, message.upload))
        return same(state);
      if (message.offset > outgoing.bytes) return same(state);
      return push({ ...state, stage: 'uploading', sent: message.offset }, outgoing, message.offset);
    }
    case 'ack': {
      const { job, outgoing } = state;
      if (job === null || outgoing === null || state.stage !== 'uploading' || !isUpload(outgoing, message.upload))
        return same(state);
      return push(state, outgoing, Math.min(message.offset, outgoing.bytes));
    }
    case 'roster':
    case 'delivery':
    case 'survivors':
    case 'unmask':
      if (!state.told || state.job === null || state.job.plans === null || !isAbout(state.job, message))
        return same(state);
      return [state, [{ do: 'answer', job: state.job, question: message }]];
    case 'received':
      if (state.job === null || state.outgoing === null || !isAbout(state.job, message)) return same(state);
      return show([{ ...state, stage: 'received' }, []], 'reported', 'round-in-progress');
    case 'committed':
    case 'abandoned':
      return roundOver(state, message);
    case 'refused': {
      if (state.job === null || !isAbout(state.job, message)) return same(state);
      const [dropped, effects] = dropJob(state);
      const { code, message: text } = message;
      return showIdle([dropped, [...effects, { do: 'problem', code, message: text }]], 'round-in-progress');
    }
    case 'finished': {
      const [dropped, effects] = dropJob(state);
      const [next, more] = forgetKept(dropped);
      effects.push(...more, { do: 'finished', message });
      if (state.link !== 'open' || !runReasons.includes(state.unable)) return showIdle([next, effects], 'run-finished');
      const able: SessionState = { ...next, unable: null };
      return showIdle([able, [...effects, send(ready(able))]], 'run-finished');
    }
    case 'error':
      // A bit of the WebSocket's own header, which no seal covers, makes text of a binary message.
      return disconnected(state, message.code, message.message, message.code !== 'BAD_FRAME');
    case 'ping':
      return same(state);
    default:
      return message satisfies never;
  }
}

function train(state: SessionState, message: MessageOf<ServerMessage, 'train'>): Step {
  const { run, round, attempt, taskBytes, weightsBytes, controlBytes = 0, secagg, update } = message;
  const task = toHex(message.task);
  const weights = toHex(message.weights);
  const control = message.control === undefined ? null : { sha256: toHex(message.control), bytes: controlBytes };
  const key = `${run}/${round}/${task}/${weights}${control === null ? '' : `/${control.sha256}`}`;
  const plans = secagg === undefined || update === undefined ? null : { secagg, update };
  const job: Job = { key, run, round, attempt, task, weights, taskBytes, weightsBytes, control, plans };
  if (plans !== null) return work({ ...state, secureRun: run }, job);
  if (state.secureRun !== run) return work(state, job);
  // A server that has promised secure aggregation gets nothing of this run without it.
  const why = 'secagg: this run was to be aggregated securely, and now the update is wanted in clear; refused';
  return giveUp(state, job, 'SECAGG_REQUIRED', why);
}

/** Takes a job up where it stands: trained already, in training, or to be begun. */
function work(state: SessionState, job: Job): Step {
  const { key } = job;
  if (state.kept?.key === key) return contribute(state, job, state.kept);
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
function push(state: SessionState, outgoing: Outgoing, acknowledged: number): Step {
  const to = Math.min(outgoing.bytes, acknowledged + state.chunkWindow);
  if (to <= state.sent) return same(state);
  return [{ ...state, sent: to }, [{ do: 'upload', outgoing, from: state.sent, to }]];
}

function roundOver(state: SessionState, message: MessageOf<ServerMessage, 'committed' | 'abandoned'>): Step {
  const { run, round, attempt } = message;
  // In an asynchronous run the update of an earlier round's job may be what this round counts.
  const mine = state.job !== null && state.job.run === run && state.job.round <= round;
  if (message.type === 'abandoned') {
    const [left, effects] = mine ? leaveAttempt(state) : same(state);
    // The kept update stays, too.
    const outcome: RoundOutcome = { run, round, attempt, result: 'abandoned', counted: false };
    return showIdle([left, [...effects, { do: 'outcome', outcome }]], 'round-in-progress');
  }
  const [dropped, effects] = mine ? dropJob(state) : same(state);
  const durable = state.kept !== null && state.kept.run === run && state.kept.round <= round;
  const [next, more] = durable ? forgetKept(dropped) : same(dropped);
  const { result, counted, weightsBytes } = message;
  const outcome: RoundOutcome = { run, round, attempt, result, counted, weights: toHex(message.weights), weightsBytes };
  return showIdle([next, [...effects, ...more, { do: 'outcome', outcome }]], 'round-in-progress');
}

/**
 * What another try may mend is tried again for ever, with growing pauses. A refusal is the end if it was sealed; if not, damaged bytes
 * may have made it, or somebody on the way: trying again is safe, since each handshake authenticates the server anew, and a server with
 * another key is never spoken to. So it is said, and tried again, until the same refusal has come `maxDoubts` times in a row.
 */
function disconnected(state: SessionState, code: ErrorCode, message: string, isSure: boolean): Step {
  if (state.link === 'off' || state.link === 'waiting-to-retry') return same(state);
  // Work goes on while the connection is away; its result is offered when the server asks again.
  const stage = state.stage === 'uploading' || state.stage === 'received' ? 'offered' : state.stage;
  const lost: SessionState = { ...state, stage, sent: 0, told: false, failures: state.failures + 1 };
  const isRefusal = !errorCodes[code].retry;
  const times = state.doubt?.code === code ? state.doubt.times + 1 : 1;
  if (isRefusal && (isSure || times >= state.maxDoubts)) {
    const [dropped, effects] = dropJob({ ...lost, link: 'off' });
    return show([dropped, [...effects, { do: 'disconnect' }, { do: 'fail', code, message }]], 'rejected');
  }
  const retry: SessionEffect = { do: 'retry-later', failures: lost.failures };
  const said = `${message} (${times} of ${state.maxDoubts} tries; it may be damage on the way, so the next one follows)`;
  const problem: SessionEffect[] = isRefusal ? [{ do: 'problem', code, message: said }] : [];
  const doubt = isRefusal ? { code, times } : state.doubt;
  return show(
    [{ ...lost, doubt, link: 'waiting-to-retry' }, [{ do: 'disconnect' }, ...problem, retry]],
    'connecting',
    'server-unreachable',
  );
}

const isAbout = (
  job: Pick<Job, 'run' | 'round' | 'attempt'>,
  message: { readonly run: string; readonly round: number; readonly attempt: number },
): boolean => job.run === message.run && job.round === message.round && job.attempt === message.attempt;

const isUpload = (outgoing: Outgoing, upload: Uint8Array): boolean => toHex(outgoing.upload) === toHex(upload);
