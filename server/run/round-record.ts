import type { Sha256 } from '../../shared/ids.ts';
import { firstPrevious, sealRecord, type RoundRecord } from '../../shared/round-log.ts';
import type { Attempt } from '../attempt/attempt.ts';
import { isSecure } from '../config.ts';
import type { Evaluation } from '../store/store.ts';

/** The record of an attempt that has ended, chained to the one before it. An abandoned attempt counts no reports. */
export function recordOf(
  attempt: Pick<Attempt, 'plan' | 'state' | 'ledger' | 'startedAt'>,
  after: {
    /** The run's newest record, or undefined for its first. */
    readonly previous: RoundRecord | undefined;
    readonly weightsAfter: Sha256;
    /** ms since 1970 */
    readonly endedAt: number;
  },
): RoundRecord {
  const { run, round, attempt: number, task, weights } = attempt.plan;
  const { result, reason, members } = attempt.state;
  const counted = result === 'abandoned' ? [] : [...attempt.ledger];
  return sealRecord({
    run,
    sequence: (after.previous?.sequence ?? 0) + 1,
    round,
    attempt: number,
    result: result ?? 'abandoned',
    reason,
    task,
    weightsBefore: weights,
    weightsAfter: after.weightsAfter,
    secureAggregation: isSecure(attempt.plan.config),
    cohort: [...members.keys()].toSorted(),
    reports: counted
      .map(([client, { examples, basedOn }]) => ({ client, examples, ...(basedOn === undefined ? {} : { basedOn }) }))
      .toSorted((a, b) => (a.client < b.client ? -1 : 1)),
    startedAt: attempt.startedAt,
    endedAt: after.endedAt,
    previous: after.previous?.hash ?? firstPrevious,
  });
}

/** One plain sentence. */
export function describeEvaluation(round: number, { loss, accuracy }: Evaluation): string {
  const right = accuracy === undefined ? '' : `, accuracy ${(100 * accuracy).toFixed(2)} %`;
  return `Round ${round}: held-out loss ${loss?.toFixed(4) ?? '?'}${right}.`;
}
