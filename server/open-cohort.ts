import type { ClientId, RunId, Sha256 } from '../shared/ids.ts';
import { seeded } from '../shared/random.ts';
import type { RunConfig } from './config.ts';
import { hasGiven, isAtWork, type RoundState } from './round.ts';
import type { Selection } from './selection.ts';
import type { Buffer } from './strategies/strategy.ts';

/**
 * An asynchronous run: who trains, and from which model. Each attempt has an open cohort: those who are still at work from an
 * earlier one, and others as places get free. Pure.
 */

/** What a client of an asynchronous run has begun to train from, and when: a round that may be over by now. */
export interface Base {
  readonly round: number;
  readonly attempt: number;
  readonly weights: Sha256;
  /** ms of the server's steady clock; in the store, since 1970: see `store/base-times.ts` */
  readonly since: number;
}
export type Bases = ReadonlyMap<ClientId, Base>;

interface Where {
  readonly run: RunId;
  readonly round: number;
  readonly attempt: number;
}

/** Rounds that have been committed since the model that a report of this round starts from. */
export const stalenessOf = (round: number, base: Pick<Base, 'round'> | undefined): number =>
  base === undefined ? 0 : round - base.round;

/**
 * The cohort with which an attempt begins.
 * @param ready - clients that are able to train
 * @param carried - clients that are at work already, and from what
 * @returns null while there are fewer clients than the run needs to start a round
 */
export function openCohort(
  { seed, minClients }: Pick<RunConfig, 'seed' | 'minClients'>,
  { size, concurrency }: Buffer,
  where: Where,
  ready: readonly ClientId[],
  carried: Bases,
): Selection | null {
  const fresh = ready.filter((id) => !carried.has(id));
  if (fresh.length + carried.size < Math.max(minClients, size)) return null;
  const picked = pick(seed, where, 0, fresh, concurrency - carried.size);
  return { cohort: [...carried.keys(), ...picked], wanted: size };
}

/**
 * Who joins an attempt that is in progress.
 * @param others - clients that could: able to train, and not in the attempt
 */
export function joining(
  { seed }: Pick<RunConfig, 'seed'>,
  { concurrency }: Buffer,
  where: Where,
  state: RoundState,
  others: readonly ClientId[],
): readonly ClientId[] {
  let atWork = 0;
  for (const member of state.members.values()) if (isAtWork(state, member)) atWork++;
  return pick(seed, where, state.members.size, others, concurrency - atWork);
}

function pick(seed: number, where: Where, turn: number, from: readonly ClientId[], count: number): readonly ClientId[] {
  if (count <= 0 || from.length === 0) return [];
  if (count >= from.length) return from.toSorted();
  const random = seeded(seed, 'select', where.run, where.round, where.attempt, turn);
  return random.shuffled(from.toSorted()).slice(0, count).toSorted();
}

/**
 * Who brings what it has begun to the next attempt at the same round, when this one comes to nothing: the members that are still
 * at work, and those whose updates it had counted. Such a client keeps its update until a round with it is durable, and gives
 * it once more.
 * @param own - of members without another base: the attempt's own
 * @param isThere - whether a client is connected: of one that has gone nobody knows whether it comes back
 * @param now - ms of the steady clock: the time to give a counted update again is its own
 */
export function bringAgain(
  state: RoundState,
  bases: Bases,
  own: (id: ClientId) => Base,
  isThere: (id: ClientId) => boolean,
  now: number,
): Bases {
  if (state.phase === 'selecting') return bases; // nobody else has heard of it
  const again = new Map<ClientId, Base>();
  for (const [id, member] of state.members) {
    const base = bases.get(id) ?? own(id);
    if (isAtWork(state, member)) again.set(id, base);
    else if (hasGiven(state, member, 'report') && isThere(id)) again.set(id, { ...base, since: now });
  }
  return again;
}

/**
 * Who goes on with its training in the next round, and who has to end it: the members that are still at work.
 * @param next - the number of the next round
 * @param own - of members without another base: the attempt's own
 */
export function carryOn(
  state: RoundState,
  bases: Bases,
  own: (id: ClientId) => Base,
  { next, maxStaleness }: { readonly next: number; readonly maxStaleness: number },
): { readonly carried: Bases; readonly stale: readonly ClientId[] } {
  const carried = new Map<ClientId, Base>();
  const stale: ClientId[] = [];
  for (const [id, member] of state.members) {
    if (!isAtWork(state, member)) continue;
    const base = bases.get(id) ?? own(id);
    if (stalenessOf(next, base) > maxStaleness) stale.push(id);
    else carried.set(id, base);
  }
  return { carried, stale };
}
