import { isSecure } from '../config.ts';
import type { RoundDetail } from '../operations.ts';
import type { Attempt } from './attempt.ts';

/** An attempt in memory: every client with its times. @param endedAt - ms since 1970, or null while it goes on */
export function detailOfAttempt(attempt: Attempt, endedAt: number | null): RoundDetail {
  const { plan, state, watch } = attempt;
  return {
    round: plan.round,
    attempt: plan.attempt,
    phase: state.phase === 'over' ? null : state.phase,
    result: state.result,
    reason: state.reason,
    startedAt: attempt.startedAt,
    endedAt,
    deadline: attempt.deadline,
    wanted: state.wanted,
    minReports: state.minReports,
    phases: { ...watch.phases },
    modelBytes: 4 * plan.length,
    secureAggregation: isSecure(plan.config),
    timed: true,
    clients: watch.clients(state),
  };
}
