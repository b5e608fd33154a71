import type { ClientId } from '../../shared/ids.ts';
import type { ClientInRound, ClientRound, RoundDetail, RoundSummary } from '../operations.ts';
import type { StoredRound } from '../store/store.ts';

/** Rounds as operators look at them, from the log. */

const untimed = {
  sentAt: null,
  modelAt: null,
  offeredAt: null,
  countedAt: null,
  bytes: 0,
  norm: null,
  accuracy: null,
  loss: null,
  backend: '',
} satisfies Partial<ClientInRound>;

/** What the log keeps of an attempt for ever: who was picked and who is in the sum. */
export function detailOfRecord({ record }: StoredRound, parameters: number): RoundDetail {
  const reports = new Map(record.reports.map(({ client, examples }) => [client, examples]));
  return {
    round: record.round,
    attempt: record.attempt,
    phase: null,
    result: record.result,
    reason: record.reason,
    startedAt: record.startedAt,
    endedAt: record.endedAt,
    deadline: null,
    wanted: null,
    minReports: null,
    phases: {},
    modelBytes: 4 * parameters,
    secureAggregation: record.secureAggregation,
    timed: false,
    clients: record.cohort.map((id) => ({
      id,
      state: reports.has(id) ? 'reported' : record.result === 'abandoned' ? 'abandoned' : 'lost',
      examples: reports.get(id) ?? null,
      ...untimed,
    })),
  };
}

/** A round without its lists of clients. */
export const summaryOf = ({ record, evaluation, metrics }: StoredRound): RoundSummary => ({
  sequence: record.sequence,
  round: record.round,
  attempt: record.attempt,
  result: record.result,
  reason: record.reason,
  startedAt: record.startedAt,
  endedAt: record.endedAt,
  cohort: record.cohort.length,
  reports: record.reports.length,
  weights: record.weightsAfter,
  evaluation,
  metrics,
});

/** The rounds that a client was picked for, oldest first. */
export function roundsOfClient(client: ClientId, rounds: readonly StoredRound[]): ClientRound[] {
  return rounds
    .filter(({ record }) => record.cohort.includes(client))
    .map(({ record: { sequence, round, attempt, result, reports, endedAt } }) => {
      const report = reports.find((one) => one.client === client);
      const counted = report !== undefined;
      return { sequence, round, attempt, result, counted, examples: report?.examples ?? null, endedAt };
    });
}
