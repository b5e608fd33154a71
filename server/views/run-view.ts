import { finalRunStates, waitReasons, type WaitReason } from '../../shared/states.ts';
import { modelLayout } from '../../shared/tasks/model.ts';
import { layoutSize } from '../../shared/weights.ts';
import { isSecure } from '../config.ts';
import type { CurrentRound, RunView } from '../operations.ts';
import { reportedOf } from '../round.ts';
import type { ActiveRun } from '../run/active-run.ts';
import type { Evaluation, StoredRound, StoredRun } from '../store/store.ts';

const common = (
  stored: StoredRun,
): Omit<RunView, 'waiting' | 'message' | 'parameters' | 'evaluation' | 'current' | 'resumedAt'> => ({
  id: stored.id,
  task: stored.config.task.name,
  strategy: stored.config.strategy.name,
  state: stored.state,
  round: stored.round,
  rounds: stored.config.rounds,
  weights: stored.weights,
  secureAggregation: isSecure(stored.config),
  createdAt: stored.createdAt,
  reason: stored.reason,
});

/** A run that is not the active one: queued or over. */
export function viewOfStoredRun(stored: StoredRun, rounds: readonly StoredRound[]): RunView {
  const evaluation: Evaluation | null = rounds.findLast((round) => round.evaluation !== null)?.evaluation ?? null;
  const waiting: WaitReason | null = finalRunStates.includes(stored.state) ? null : 'round-in-progress';
  return {
    ...common(stored),
    waiting,
    message: waiting === null ? sentence(stored) : 'Waiting for the run before it to end.',
    parameters: layoutSize(modelLayout(stored.config.task.model)),
    evaluation,
    current: null,
    resumedAt: null,
  };
}

/** @param ready - clients that are connected and able to train */
export function viewOfActiveRun(run: ActiveRun, ready: number): RunView {
  const { stored, attempt } = run;
  const current: CurrentRound | null =
    attempt === null || attempt.state.phase === 'over'
      ? null
      : {
          round: attempt.plan.round,
          attempt: attempt.plan.attempt,
          phase: attempt.state.phase,
          cohort: attempt.state.members.size,
          wanted: attempt.state.wanted,
          reported: reportedOf(attempt.state),
          deadline: attempt.deadline,
        };
  const waiting: WaitReason | null =
    stored.state === 'paused' ? 'server-paused' : stored.state === 'waiting' ? 'not-enough-clients' : null;
  return {
    ...common(stored),
    waiting,
    message: messageOf(stored, current, ready),
    parameters: run.parameters,
    evaluation: run.evaluation,
    current,
    resumedAt: run.resumedAt,
  };
}

function messageOf(stored: StoredRun, current: CurrentRound | null, ready: number): string {
  if (stored.state === 'waiting') {
    const needed = Math.max(stored.config.minClients, stored.config.clientsPerRound ?? 1);
    return `${waitReasons['not-enough-clients']} ${ready} of ${needed} are ready.`;
  }
  if (current !== null && !finalRunStates.includes(stored.state)) {
    const { round, phase, reported, wanted } = current;
    return `Round ${round} of ${stored.config.rounds}: ${phase}, ${reported} of ${wanted} reports.`;
  }
  return sentence(stored);
}

function sentence(stored: StoredRun): string {
  const after = `after round ${stored.round} of ${stored.config.rounds}`;
  const why = stored.reason === null ? '' : `: ${stored.reason}`;
  return `${stored.state[0]!.toUpperCase()}${stored.state.slice(1)} ${after}${why}.`;
}
