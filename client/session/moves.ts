import { toHex } from '../../shared/bytes.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import type { ClientMessage } from '../../shared/protocol/messages.ts';
import type { ClientState, WaitReason } from '../../shared/states.ts';
import type { Job, KeptUpdate, Outgoing, SessionEffect, SessionState } from './types.ts';

/** The moves that the steps of a session are made of. */

export type Step = [SessionState, SessionEffect[]];

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
export const same = (state: SessionState): Step => [state, []];

/** Sets the state that people see, with an effect only when it changed. */
export function show([state, effects]: Step, shown: ClientState, reason: WaitReason | null = null): Step {
  if (state.shown === shown && state.reason === reason) return [state, effects];
  return [{ ...state, shown, reason }, [...effects, { do: 'show', state: shown, reason }]];
}

/** Shows that there is nothing to do, and why: first of all what this device itself lacks. */
export const showIdle = ([state, effects]: Step, reason: WaitReason): Step =>
  state.unable === null
    ? show([state, effects], 'waiting', reason)
    : show([state, effects], state.unable === 'paused-by-user' ? 'paused' : 'ineligible', state.unable);

export const send = (message: ClientMessage): SessionEffect => ({ do: 'send', message });

export const where = ({ run, round, attempt }: Job): { run: string; round: number; attempt: number } => ({
  run,
  round,
  attempt,
});

export const ready = (state: SessionState): ClientMessage =>
  state.examples === null ? { type: 'ready' } : { type: 'ready', examples: state.examples };

/** Ends what is being worked on, if anything. */
export function dropJob(state: SessionState): Step {
  const effects: SessionEffect[] = [];
  if (state.stage === 'fetching' || state.stage === 'training') effects.push({ do: 'cancel-work' });
  if (state.job !== null && state.job.plans !== null) effects.push({ do: 'end-secure' });
  return [{ ...state, job: null, stage: 'idle', outgoing: null, sent: 0 }, effects];
}

/**
 * Ends the attempt, not the work: the round's next attempt starts from the same model, so that what is in training goes on and
 * is kept for it. Otherwise a client slower than a deadline would begin anew each time, and never be done.
 */
export function leaveAttempt(state: SessionState): Step {
  if (state.stage !== 'fetching' && state.stage !== 'training') return dropJob(state);
  return same({ ...state, told: false });
}

export function forgetKept(state: SessionState): Step {
  return state.kept === null ? same(state) : [{ ...state, kept: null }, [{ do: 'forget', key: state.kept.key }]];
}

/** Brings the kept update to the attempt in progress: in clear at once, or masked after what secure aggregation asks first. */
export function contribute(state: SessionState, job: Job, update: KeptUpdate): Step {
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
export function giveUp(state: SessionState, job: Job, code: ErrorCode, message: string): Step {
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
export function cannot(state: SessionState, reason: WaitReason): Step {
  const [dropped, effects] = dropJob({ ...state, unable: reason });
  if (state.link === 'open') effects.push(send({ type: 'unready', reason }));
  return showIdle([dropped, effects], reason);
}

/** Offers the update, or its masked form, which says nothing beside. */
export function offer(state: SessionState, job: Job, update: KeptUpdate, outgoing: Outgoing): Step {
  const { upload, bytes } = outgoing;
  const { examples, metrics, backend } = update;
  const content =
    job.plans === null
      ? ({ examples, encoding: 'float32', metrics: { ...metrics } } as const)
      : ({ examples: 0, encoding: 'masked', metrics: {} } as const);
  const report = { type: 'report', ...where(job), upload, bytes, ...content, backend } as const;
  return show([{ ...state, stage: 'offered', outgoing, sent: 0 }, [send(report)]], 'uploading');
}

export const isAbout = (
  job: Pick<Job, 'run' | 'round' | 'attempt'>,
  message: { readonly run: string; readonly round: number; readonly attempt: number },
): boolean => job.run === message.run && job.round === message.round && job.attempt === message.attempt;

export const isUpload = (outgoing: Outgoing, upload: Uint8Array): boolean => toHex(outgoing.upload) === toHex(upload);
