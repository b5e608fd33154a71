import { disconnected } from './disconnected.ts';
import {
  cannot,
  contribute,
  dropJob,
  forgetKept,
  giveUp,
  isAbout,
  isUpload,
  offer,
  ready,
  same,
  send,
  show,
  showIdle,
  type Step,
  where,
} from './moves.ts';
import { receive } from './receive.ts';
import type { KeptUpdate, SessionEffect, SessionEvent, SessionState } from './types.ts';

/**
 * A client's session with a server, as a pure state machine: `step(state, event)` gives the next state and the effects for
 * `FederatedClient` to carry out. It outlives connections: what was trained is kept until its round is durable, and is
 * offered again after a reconnect or a new attempt, never trained anew.
 */

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
