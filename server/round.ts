import type { ClientId } from '../shared/ids.ts';
import type { RoundPhase, RoundResult } from '../shared/states.ts';

/**
 * One attempt at one round, as a pure state machine: `step(state, event)` gives the next state and the effects for the
 * coordinator to carry out. No clock, no randomness, no socket, no disk, no log.
 *
 * selecting -> sending -> training -> aggregating -> evaluating -> over, or from any of the first three to over (abandoned).
 */

/**
 * Where a member of the cohort stands: `sent` the word to train; `training` has the model; `reported` counts, whatever
 * happens to the client later; `away` its socket is closed but it may come back; the rest are lost to this attempt, of
 * which only `lost` may come back while the round is open.
 */
export type MemberState = 'sent' | 'training' | 'reported' | 'away' | 'lost' | 'left' | 'failed' | 'refused' | 'late';

export interface RoundState {
  readonly phase: RoundPhase | 'over';
  /** So many reports close the round at once. */
  readonly wanted: number;
  /** Fewer reports: abandoned. */
  readonly minReports: number;
  readonly members: ReadonlyMap<ClientId, MemberState>;
  /** Set once the reports are in (or the attempt is given up). */
  readonly result: RoundResult | null;
  /** Why it was abandoned; empty otherwise. */
  readonly reason: string;
}

export type RoundEvent =
  /** The cohort is chosen. `present`: those whose sockets are open; after a restart there are none yet. */
  | {
      readonly type: 'selected';
      readonly cohort: readonly ClientId[];
      readonly wanted: number;
      readonly minReports: number;
    }
  /** The cohort is durable, so clients may hear of it. */
  | { readonly type: 'saved'; readonly present: ReadonlySet<ClientId> }
  | { readonly type: 'downloaded'; readonly from: ClientId }
  /** A whole report has passed every check. */
  | { readonly type: 'reported'; readonly from: ClientId }
  /** A report failed a check, or training failed on the client. */
  | { readonly type: 'refused' | 'failed'; readonly from: ClientId }
  /** The socket closed; the grace time to come back has passed; the client is back and ready. */
  | { readonly type: 'away' | 'grace-over' | 'back'; readonly from: ClientId }
  | { readonly type: 'left'; readonly from: ClientId }
  | { readonly type: 'deadline'; readonly phase: 'sending' | 'training' }
  | { readonly type: 'aggregated' }
  | { readonly type: 'evaluated' }
  | { readonly type: 'abort'; readonly reason: string };

export type RoundEffect =
  /** Make the cohort durable, then answer with `saved`. */
  | { readonly do: 'save' }
  | { readonly do: 'train'; readonly to: ClientId }
  /** Start the clock of a phase; its end is the event `deadline`. Arming again replaces. */
  | { readonly do: 'arm'; readonly phase: 'sending' | 'training' }
  /** Give a client time to come back; its end is the event `grace-over`. */
  | { readonly do: 'grace'; readonly of: ClientId }
  /** Tell a client that came back that its report is held. */
  | { readonly do: 'confirm'; readonly to: ClientId }
  /** Sum, new weights, durable commit; then answer with `aggregated`. */
  | { readonly do: 'aggregate' }
  /** Central evaluation if due; then answer with `evaluated`. */
  | { readonly do: 'evaluate' }
  /** The attempt is given up: log it, tell the cohort. */
  | { readonly do: 'abandon' }
  | { readonly do: 'end' };

export const newRound: RoundState = {
  phase: 'selecting',
  wanted: 0,
  minReports: 0,
  members: new Map(),
  result: null,
  reason: '',
};

const pendingStates: readonly MemberState[] = ['sent', 'training', 'away'];

export const isOpen = (state: RoundState): boolean => state.phase === 'sending' || state.phase === 'training';
export const countOf = (state: RoundState, ...states: readonly MemberState[]): number => {
  let count = 0;
  for (const member of state.members.values()) if (states.includes(member)) count++;
  return count;
};
export const reportedOf = (state: RoundState): number => countOf(state, 'reported');
export const isPending = (state: RoundState, id: ClientId): boolean =>
  isOpen(state) && pendingStates.includes(state.members.get(id) ?? 'left');

type Step = [RoundState, RoundEffect[]];

const withMember = (state: RoundState, id: ClientId, member: MemberState): RoundState => ({
  ...state,
  members: new Map(state.members).set(id, member),
});

const abandon = (state: RoundState, reason: string): Step => [
  { ...state, phase: 'over', result: 'abandoned', reason },
  [{ do: 'abandon' }, { do: 'end' }],
];

/** Asks after every change whether the round can close, go on to its next phase, or cannot succeed any more. */
function settle(state: RoundState, effects: RoundEffect[] = []): Step {
  if (!isOpen(state)) return [state, effects];
  const reported = reportedOf(state);
  const pending = countOf(state, ...pendingStates);
  if (reported >= state.wanted || (pending === 0 && reported >= state.minReports)) {
    const result = reported >= state.wanted ? 'done' : 'short';
    return [{ ...state, phase: 'aggregating', result }, [...effects, { do: 'aggregate' }]];
  }
  if (reported + pending < state.minReports) {
    const [over, ending] = abandon(state, describeLoss(state, reported));
    return [over, [...effects, ...ending]];
  }
  if (state.phase === 'sending' && countOf(state, 'sent', 'away') === 0) {
    return [{ ...state, phase: 'training' }, [...effects, { do: 'arm', phase: 'training' }]];
  }
  return [state, effects];
}

function describeLoss(state: RoundState, reported: number): string {
  const lost = (['lost', 'left', 'failed', 'refused', 'late'] as const)
    .map((each) => ({ each, count: countOf(state, each) }))
    .filter(({ count }) => count > 0)
    .map(({ each, count }) => `${count} ${each}`);
  return `${reported} of ${state.wanted} reports, at least ${state.minReports} needed (${lost.join(', ') || 'none lost'})`;
}

/** Marks everyone in `from` as lost in the given way. */
function expire(state: RoundState, from: readonly MemberState[], to: 'lost' | 'late'): RoundState {
  const members = new Map(state.members);
  for (const [id, member] of members) if (from.includes(member)) members.set(id, to);
  return { ...state, members };
}

export function step(state: RoundState, event: RoundEvent): Step {
  switch (event.type) {
    case 'selected': {
      if (state.phase !== 'selecting' || state.members.size > 0) return [state, []];
      const members = new Map(event.cohort.map((id) => [id, 'away' as MemberState]));
      return [{ ...state, members, wanted: event.wanted, minReports: event.minReports }, [{ do: 'save' }]];
    }
    case 'saved': {
      if (state.phase !== 'selecting' || state.members.size === 0) return [state, []];
      const members = new Map(state.members);
      const effects: RoundEffect[] = [{ do: 'arm', phase: 'sending' }];
      for (const id of members.keys()) {
        if (!event.present.has(id)) continue;
        members.set(id, 'sent');
        effects.push({ do: 'train', to: id });
      }
      return settle({ ...state, phase: 'sending', members }, effects);
    }
    case 'downloaded':
      return state.members.get(event.from) === 'sent' && isOpen(state)
        ? settle(withMember(state, event.from, 'training'))
        : [state, []];
    case 'reported':
      return isPending(state, event.from) ? settle(withMember(state, event.from, 'reported')) : [state, []];
    case 'refused':
    case 'failed':
    case 'left':
      return isPending(state, event.from) ? settle(withMember(state, event.from, event.type)) : [state, []];
    case 'away': {
      if (!isPending(state, event.from) || state.members.get(event.from) === 'away') return [state, []];
      return [withMember(state, event.from, 'away'), [{ do: 'grace', of: event.from }]];
    }
    case 'grace-over':
      return isOpen(state) && state.members.get(event.from) === 'away'
        ? settle(withMember(state, event.from, 'lost'))
        : [state, []];
    case 'back': {
      const member = state.members.get(event.from);
      if (member === 'reported' && (isOpen(state) || state.phase === 'aggregating')) {
        return [state, [{ do: 'confirm', to: event.from }]];
      }
      if (!isOpen(state) || !(member === 'away' || member === 'lost' || member === 'sent' || member === 'training')) {
        return [state, []];
      }
      return [withMember(state, event.from, 'sent'), [{ do: 'train', to: event.from }]];
    }
    case 'deadline': {
      if (!isOpen(state)) return [state, []];
      if (event.phase === 'training') return settle(expire(state, pendingStates, 'late'));
      return state.phase === 'sending' ? settle(expire(state, ['sent', 'away'], 'lost')) : [state, []];
    }
    case 'aggregated':
      return state.phase === 'aggregating' ? [{ ...state, phase: 'evaluating' }, [{ do: 'evaluate' }]] : [state, []];
    case 'evaluated':
      return state.phase === 'evaluating' ? [{ ...state, phase: 'over' }, [{ do: 'end' }]] : [state, []];
    case 'abort':
      return state.phase === 'selecting' || isOpen(state) ? abandon(state, event.reason) : [state, []];
    default:
      return event satisfies never;
  }
}
