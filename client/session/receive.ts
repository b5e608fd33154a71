import { toHex } from '../../shared/bytes.ts';
import type { MessageOf, ServerMessage } from '../../shared/protocol/messages.ts';
import type { WaitReason } from '../../shared/states.ts';
import { disconnected } from './disconnected.ts';
import {
  contribute,
  dropJob,
  forgetKept,
  giveUp,
  isAbout,
  isUpload,
  leaveAttempt,
  ready,
  same,
  send,
  show,
  showIdle,
  type Step,
  where,
} from './moves.ts';
import type { Job, Outgoing, RoundOutcome, SessionState } from './types.ts';

/** What keeps a client from a run, and not from the next. */
const runReasons: readonly (WaitReason | null)[] = ['plan-refused', 'data-too-small'];

/** What a session makes of a message of the server. */
export function receive(state: SessionState, message: ServerMessage): Step {
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
