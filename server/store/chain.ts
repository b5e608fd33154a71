import { FederatedError } from '../../shared/errors.ts';
import type { RunId } from '../../shared/ids.ts';
import { firstPrevious, type RoundRecord } from '../../shared/round-log.ts';
import type { StoredAttempt } from './store.ts';

/** Where a run's log ends: what the next record must follow. */
export interface ChainEnd {
  readonly sequence: number;
  readonly hash: string;
}

export const emptyChain: ChainEnd = { sequence: 0, hash: firstPrevious };

/**
 * The rule that keeps a round from being committed twice, the same for every store.
 * @throws FederatedError BAD_STATE when the record is of another run or does not follow the end of the log
 */
export function checkFollows(run: RunId, end: ChainEnd, record: RoundRecord): void {
  if (record.run !== run) {
    throw new FederatedError('BAD_STATE', `run ${run}: a record of run ${record.run} cannot be committed to it`);
  }
  if (record.sequence !== end.sequence + 1 || record.previous !== end.hash) {
    throw new FederatedError(
      'BAD_STATE',
      `run ${run}: record ${record.sequence} does not follow the log, which ends at record ${end.sequence}; ` +
        'it was committed before, or by another server',
    );
  }
}

/** What stands after a record in the place of an attempt that nobody is picked for yet: at the next round, or at the same once more. */
export const attemptZero = (
  { run, round, result }: RoundRecord,
  bases: NonNullable<StoredAttempt['bases']>,
): StoredAttempt => ({
  run,
  round: result === 'abandoned' ? round : round + 1,
  attempt: 0,
  cohort: [],
  wanted: 0,
  bases,
});

export const noRun = (id: RunId): FederatedError => new FederatedError('NOT_FOUND', `there is no run ${id}`);
export const noRound = (id: RunId, round: number): FederatedError =>
  new FederatedError('NOT_FOUND', `run ${id} has no committed round ${round}`);
export const runExists = (id: RunId): FederatedError =>
  new FederatedError('BAD_STATE', `there is a run ${id} already; choose another id`);
