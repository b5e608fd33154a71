import type { Clock } from '../host.ts';
import type { Bases } from '../open-cohort.ts';
import type { StoredAttempt } from './store.ts';

/**
 * Since when clients of an asynchronous run are at work: a duration, so a process counts it on its steady clock. That clock means
 * nothing to the next process, so the store has the moment by the calendar.
 */
type Stored = NonNullable<StoredAttempt['bases']>;
type Clocks = Pick<Clock, 'now' | 'steady'>;

export const storedBases = (bases: Bases, clock: Clocks): Stored =>
  [...bases].map(([id, base]) => [id, { ...base, since: clock.now() - (clock.steady() - base.since) }]);

/** A moment that is still to come was written under another calendar: its time begins now. */
export const restoredBases = (stored: Stored, clock: Clocks): Stored =>
  stored.map(([id, base]) => [id, { ...base, since: clock.steady() - Math.max(0, clock.now() - base.since) }]);
