import type { ClientId } from '../shared/ids.ts';
import type { RoundPhase, RoundResult } from '../shared/states.ts';

/**
 * One attempt at one round, as a pure state machine: `step(state, event)` gives the next state and the effects for the
 * coordinator to carry out. No clock, no randomness, no socket, no disk, no log.
 *
 * A round asks its cohort for answers, one kind after the other: a plain round for the report alone, one with secure
 * aggregation for five. Every answer closes in the same way: when everyone it is expected of has given it or is gone.
 *
 * selecting -> sending -> training -> unmasking (with secure aggregation) -> aggregating -> evaluating -> over, or from any
 * phase before aggregating to over (abandoned).
 */

/** What a member is to answer, in this order. */
export type AnswerKind = 'advert' | 'shares' | 'report' | 'consent' | 'reveal';
const plainAnswers: readonly AnswerKind[] = ['report'];
const secureAnswers: readonly AnswerKind[] = ['advert', 'shares', 'report', 'consent', 'reveal'];

/**
 * Where a member of the cohort stands: `sent` the word to train; `training` has the model, or is at work on a later answer;
 * `away` its socket is closed but it may come back; the rest are lost to this attempt, of which only `lost` may come back while
 * the answer is still wanted.
 */
export type MemberState = 'sent' | 'training' | 'away' | 'lost' | 'left' | 'failed' | 'refused' | 'late';

export interface Member {
  readonly state: MemberState;
  /** Answers given so far: they count, whatever happens to the client later. */
  readonly answered: number;
}

export interface RoundState {
  readonly phase: RoundPhase | 'over';
  /** What is asked, one after the other. */
  readonly answers: readonly AnswerKind[];
  /** Index in `answers` of what is asked now; their number once all are in. */
  readonly asked: number;
  /** So many first answers close that step at once (the cohort may be larger: over-selection). */
  readonly wanted: number;
  /** Fewer reports: abandoned. */
  readonly minReports: number;
  /** The cohort is open: others join while the attempt goes on, and who is still at work when it closes is not late. */
  readonly isOpenCohort: boolean;
  readonly members: ReadonlyMap<ClientId, Member>;
  /** Set once the reports are in (or the attempt is given up). */
  readonly result: RoundResult | null;
  /** Why it was abandoned; empty otherwise. */
  readonly reason: string;
}

/** A clock of the round: until everyone has the model, or until an answer is in. */
export type DeadlineName = 'sending' | AnswerKind;

export type RoundEvent =
  /** The cohort is chosen. `present`: those whose sockets are open; after a restart there are none yet. */
  | {
      readonly type: 'selected';
      readonly cohort: readonly ClientId[];
      readonly wanted: number;
      readonly minReports: number;
      readonly secure: boolean;
      /** Default: closed. */
      readonly isOpenCohort?: boolean;
    }
  /** To an open cohort come clients that are present; or nobody is left who could. */
  | { readonly type: 'joined'; readonly cohort: readonly ClientId[] }
  | { readonly type: 'deserted' }
  /** The cohort is durable, so clients may hear of it. */
  | { readonly type: 'saved'; readonly present: ReadonlySet<ClientId> }
  | { readonly type: 'downloaded'; readonly from: ClientId }
  /** An answer has passed every check. */
  | { readonly type: 'answered'; readonly from: ClientId; readonly kind: AnswerKind }
  /** An answer failed a check, or the client could not give it. */
  | { readonly type: 'refused' | 'failed'; readonly from: ClientId }
  /** The socket closed; the grace time to come back has passed; the client is back and ready. */
  | { readonly type: 'away' | 'grace-over' | 'back'; readonly from: ClientId }
  | { readonly type: 'left'; readonly from: ClientId }
  /** In an open cohort each has a time of its own, which is over. */
  | { readonly type: 'overdue'; readonly from: ClientId }
  | { readonly type: 'deadline'; readonly of: DeadlineName }
  | { readonly type: 'unmasked' }
  | { readonly type: 'aggregated' }
  | { readonly type: 'evaluated' }
  | { readonly type: 'abort'; readonly reason: string };

export type RoundEffect =
  /** Make the cohort durable, then answer with `saved`. */
  | { readonly do: 'save' }
  | { readonly do: 'train'; readonly to: ClientId }
  /** Start the clock of a phase or answer; its end is the event `deadline`. Arming again replaces. */
  | { readonly do: 'arm'; readonly deadline: DeadlineName }
  /** The answer before is in: ask those who gave it for this one. */
  | { readonly do: 'ask'; readonly kind: AnswerKind }
  /** Ask a client that came back once more for what it owes. */
  | { readonly do: 'ask-again'; readonly to: ClientId; readonly kind: AnswerKind }
  /** To an open cohort: let others join, with `joined`, as far as there are places; with nobody to ask, `deserted`. */
  | { readonly do: 'invite' }
  /** Give a client time to come back; its end is the event `grace-over`. */
  | { readonly do: 'grace'; readonly of: ClientId }
  /** Tell a client that came back that its report is held. */
  | { readonly do: 'confirm'; readonly to: ClientId }
  /** Take the masks off the sum; then answer with `unmasked`. */
  | { readonly do: 'unmask' }
  /** Sum, new weights, durable commit; then answer with `aggregated`. */
  | { readonly do: 'aggregate' }
  /** Central evaluation if due; then answer with `evaluated`. */
  | { readonly do: 'evaluate' }
  /** The attempt is given up: log it, tell the cohort. */
  | { readonly do: 'abandon' }
  | { readonly do: 'end' };

export const newRound: RoundState = {
  phase: 'selecting',
  answers: plainAnswers,
  asked: 0,
  wanted: 0,
  minReports: 0,
  isOpenCohort: false,
  members: new Map(),
  result: null,
  reason: '',
};

const presentStates: readonly MemberState[] = ['sent', 'training', 'away'];
const isPresent = ({ state }: Member): boolean => presentStates.includes(state);

/** Whether this member is at work, or may come back to it, and has not given its last answer. */
export const isAtWork = ({ answers }: RoundState, member: Member): boolean =>
  isPresent(member) && member.answered < answers.length;

const lacksModel = ({ state, answered }: Member): boolean => answered === 0 && (state === 'sent' || state === 'away');

/** Whether answers are taken. */
export const isOpen = ({ phase, asked, answers }: RoundState): boolean =>
  phase === 'sending' || phase === 'training' || (phase === 'unmasking' && asked < answers.length);
/** What is asked now, or undefined. */
export const askedOf = (state: RoundState): AnswerKind | undefined =>
  isOpen(state) ? state.answers[state.asked] : undefined;

/** Whether this member owes the answer that is asked now, and may still give it. */
const owes = (state: RoundState, member: Member): boolean => member.answered === state.asked && isPresent(member);
/** Whether this member has given this answer. */
export const hasGiven = ({ answers }: RoundState, member: Member, kind: AnswerKind): boolean =>
  member.answered > answers.indexOf(kind);

function count(state: RoundState, fits: (member: Member) => boolean): number {
  let found = 0;
  for (const member of state.members.values()) if (fits(member)) found++;
  return found;
}
export const reportedOf = (state: RoundState): number => count(state, (member) => hasGiven(state, member, 'report'));
export const isPending = (state: RoundState, id: ClientId): boolean => {
  const member = state.members.get(id);
  return member !== undefined && isOpen(state) && owes(state, member);
};

type Step = [RoundState, RoundEffect[]];

const withMember = (state: RoundState, id: ClientId, change: Partial<Member>): RoundState => ({
  ...state,
  members: new Map(state.members).set(id, { ...state.members.get(id)!, ...change }),
});

const abandon = (state: RoundState, reason: string): Step => [
  { ...state, phase: 'over', result: 'abandoned', reason },
  [{ do: 'abandon' }, { do: 'end' }],
];

/**
 * Asks after every change whether the answer is in, the round can go on, or cannot succeed any more.
 * @param isComplete - nobody else will join: an open cohort is never short of reports while somebody may
 */
function settle(state: RoundState, effects: RoundEffect[] = [], isComplete = !state.isOpenCohort): Step {
  if (!isOpen(state)) return [state, effects];
  const given = count(state, ({ answered }) => answered > state.asked);
  const pending = count(state, (member) => owes(state, member));
  // Once the sum is made it is not lost by those who go: whether enough are left to unmask it depends on who they are.
  const least = state.asked > state.answers.indexOf('report') ? 1 : state.minReports;
  const isAll = isComplete && pending === 0 && given >= least;
  if ((state.asked === 0 && given >= state.wanted) || isAll) return close(state, effects);
  if (isComplete && given + pending < least) {
    const [over, ending] = abandon(state, describeLoss(state, given));
    return [over, [...effects, ...ending]];
  }
  const hasModel = state.phase === 'sending' && count(state, lacksModel) === 0;
  const phase = hasModel ? 'training' : state.phase;
  if (state.isOpenCohort) return [{ ...state, phase }, isComplete ? effects : [...effects, { do: 'invite' }]];
  return [{ ...state, phase }, hasModel ? [...effects, { do: 'arm', deadline: state.answers[0]! }] : effects];
}

/** Goes on to the next answer with those who have given this one. */
function close(state: RoundState, effects: RoundEffect[]): Step {
  const kind = state.answers[state.asked]!;
  const closed = state.isOpenCohort ? state : expire(state, (member) => owes(state, member), 'late');
  const reported = reportedOf(closed);
  const result = kind !== 'report' ? closed.result : reported >= closed.wanted ? 'done' : 'short';
  const asked = state.asked + 1;
  const next = state.answers[asked];
  if (next === undefined) {
    return state.answers.length === 1
      ? [{ ...closed, asked, result, phase: 'aggregating' }, [...effects, { do: 'aggregate' }]]
      : [{ ...closed, asked, result, phase: 'unmasking' }, [...effects, { do: 'unmask' }]];
  }
  const phase = isAfterReports(next) ? 'unmasking' : 'training';
  return settle({ ...closed, asked, result, phase }, [
    ...effects,
    { do: 'arm', deadline: next },
    { do: 'ask', kind: next },
  ]);
}

/** Whether an answer comes after the reports. */
const isAfterReports = (kind: AnswerKind): boolean => kind === 'consent' || kind === 'reveal';

const words: Record<AnswerKind, string> = {
  advert: 'offers of keys',
  shares: 'sets of shares',
  report: 'reports',
  consent: 'consents',
  reveal: 'sets of revealed shares',
};

function describeLoss(state: RoundState, given: number): string {
  const least = Math.max(1, state.minReports);
  // Not those who were picked beyond the wanted number and came too late for the first answer.
  const isMissed = (member: Member): boolean =>
    member.answered === state.asked || (member.answered < state.asked && member.state !== 'late');
  const lost = (['lost', 'left', 'failed', 'refused', 'late'] as const)
    .map((each) => ({ each, number: count(state, (member) => member.state === each && isMissed(member)) }))
    .filter(({ number }) => number > 0)
    .map(({ each, number }) => `${number} ${each}`);
  const what = words[state.answers[state.asked]!];
  return `${given} of ${state.wanted} ${what}, at least ${least} needed (${lost.join(', ') || 'none lost'})`;
}

/** Marks everyone who fits as lost in the given way. */
function expire(state: RoundState, fits: (member: Member) => boolean, to: 'lost' | 'late'): RoundState {
  const members = new Map(state.members);
  for (const [id, member] of members) if (fits(member)) members.set(id, { ...member, state: to });
  return { ...state, members };
}

export function step(state: RoundState, event: RoundEvent): Step {
  switch (event.type) {
    case 'selected': {
      if (state.phase !== 'selecting' || state.members.size > 0) return [state, []];
      const { cohort, wanted, minReports, secure, isOpenCohort = false } = event;
      const members = new Map(cohort.map((id) => [id, { state: 'away', answered: 0 } as Member]));
      const answers = secure ? secureAnswers : plainAnswers;
      return [{ ...state, members, wanted, minReports, isOpenCohort, answers }, [{ do: 'save' }]];
    }
    case 'saved': {
      if (state.phase !== 'selecting' || state.members.size === 0) return [state, []];
      const members = new Map(state.members);
      const effects: RoundEffect[] = [{ do: 'arm', deadline: 'sending' }];
      for (const id of members.keys()) {
        if (!event.present.has(id)) continue;
        members.set(id, { state: 'sent', answered: 0 });
        effects.push({ do: 'train', to: id });
      }
      return settle({ ...state, phase: 'sending', members }, effects);
    }
    case 'joined': {
      const cohort = event.cohort.filter((id) => !state.members.has(id));
      if (!state.isOpenCohort || !isOpen(state) || cohort.length === 0) return [state, []];
      const members = new Map(state.members);
      for (const id of cohort) members.set(id, { state: 'sent', answered: 0 });
      return settle(
        { ...state, members },
        cohort.map((to) => ({ do: 'train', to })),
      );
    }
    case 'deserted':
      return state.isOpenCohort ? settle(state, [], true) : [state, []];
    case 'overdue':
      return state.isOpenCohort && mayStillAnswer(state, event.from)
        ? settle(withMember(state, event.from, { state: 'late' }))
        : [state, []];
    case 'downloaded':
      return state.members.get(event.from)?.state === 'sent' && isOpen(state)
        ? settle(withMember(state, event.from, { state: 'training' }))
        : [state, []];
    case 'answered': {
      if (!isPending(state, event.from) || askedOf(state) !== event.kind) return [state, []];
      return settle(withMember(state, event.from, { state: 'training', answered: state.asked + 1 }));
    }
    case 'refused':
    case 'failed':
    case 'left':
      return mayStillAnswer(state, event.from)
        ? settle(withMember(state, event.from, { state: event.type }))
        : [state, []];
    case 'away': {
      if (!mayStillAnswer(state, event.from) || state.members.get(event.from)!.state === 'away') return [state, []];
      return [withMember(state, event.from, { state: 'away' }), [{ do: 'grace', of: event.from }]];
    }
    case 'grace-over':
      return isOpen(state) && state.members.get(event.from)?.state === 'away'
        ? settle(withMember(state, event.from, { state: 'lost' }))
        : [state, []];
    case 'back':
      return back(state, event.from);
    case 'deadline': {
      if (!isOpen(state)) return [state, []];
      if (event.of === 'sending') {
        if (state.phase !== 'sending') return [state, []];
        // To an open cohort some have come just now.
        const isOut = (member: Member): boolean =>
          lacksModel(member) && (!state.isOpenCohort || member.state === 'away');
        return settle(expire(state, isOut, 'lost'));
      }
      return event.of === askedOf(state) ? settle(expire(state, (member) => owes(state, member), 'late')) : [state, []];
    }
    case 'unmasked':
      return state.phase === 'unmasking' && !isOpen(state)
        ? [{ ...state, phase: 'aggregating' }, [{ do: 'aggregate' }]]
        : [state, []];
    case 'aggregated':
      return state.phase === 'aggregating' ? [{ ...state, phase: 'evaluating' }, [{ do: 'evaluate' }]] : [state, []];
    case 'evaluated':
      return state.phase === 'evaluating' ? [{ ...state, phase: 'over' }, [{ do: 'end' }]] : [state, []];
    case 'abort':
      return state.phase === 'selecting' || state.phase === 'unmasking' || isOpen(state)
        ? abandon(state, event.reason)
        : [state, []];
    default:
      return event satisfies never;
  }
}

/** Whether this member is at work and has not given its last answer yet. */
function mayStillAnswer(state: RoundState, id: ClientId): boolean {
  const member = state.members.get(id);
  return isOpen(state) && member !== undefined && isAtWork(state, member);
}

function back(state: RoundState, id: ClientId): Step {
  const member = state.members.get(id);
  if (member === undefined) return [state, []];
  if (member.answered === state.answers.length) {
    return isOpen(state) || state.phase === 'aggregating' ? [state, [{ do: 'confirm', to: id }]] : [state, []];
  }
  // Whoever has missed an answer that is closed is out of this attempt.
  const isIn = isPresent(member) || member.state === 'lost';
  if (!isOpen(state) || !isIn || member.answered < state.asked) return [state, []];
  const effects: RoundEffect[] = [{ do: 'train', to: id }];
  if (state.asked > 0 && member.answered === state.asked) {
    effects.push({ do: 'ask-again', to: id, kind: state.answers[state.asked]! });
  }
  return [withMember(state, id, { state: member.answered === 0 ? 'sent' : 'training' }), effects];
}
