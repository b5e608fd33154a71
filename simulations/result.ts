import type { RoundLine } from '../server/run-folder/round-lines.ts';
import type { RunView } from '../server/operations.ts';
import type { StoredRound } from '../server/store/store.ts';
import type { Sha256 } from '../shared/ids.ts';
import type { Prepared } from './prepare.ts';

/** A round that has ended. */
export interface SimulatedRound {
  readonly round: number;
  readonly result: 'done' | 'short' | 'abandoned';
  /** Central evaluation; null where the round was not measured. */
  readonly accuracy: number | null;
  readonly loss: number | null;
  /** Real time since the round before it. */
  readonly wallSeconds: number;
  /** Everything measured: its line in `metrics.jsonl`. */
  readonly metrics: RoundLine;
}

/** How a simulation ended. */
export interface SimulationResult {
  readonly run: string;
  readonly task: string;
  readonly strategy: string;
  readonly seed: number;
  readonly data: string;
  readonly partition: string;
  readonly clients: number;
  /** Clients that have fewer examples than the task asks for, beside those. */
  readonly leftOut: number;
  /** Committed. */
  readonly rounds: number;
  /** The first round that reached `targetAccuracy`, or null. */
  readonly roundsToTarget: number | null;
  readonly targetAccuracy: number | null;
  /** Of the last round that was measured. */
  readonly accuracy: number | null;
  readonly loss: number | null;
  /** Reports that were counted, over all rounds. */
  readonly reports: number;
  /**
   * Updates and models; with sockets everything that went over them. Of what was before an interruption, that of the rounds that
   * were committed.
   */
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Real time, that of the rounds before an interruption with it. */
  readonly seconds: number;
  /** Time in the simulated world; null where that is real time too. */
  readonly virtualSeconds: number | null;
  readonly backend: string;
  readonly workers: number;
  readonly transport: string;
  readonly weightsSha256: Sha256;
  readonly out: string | null;
  readonly epsilon: number | null;
  /** Off unless asked for: in a simulation there is nothing to hide from. */
  readonly secureAggregation: boolean;
}

export function roundOf(line: RoundLine, wallSeconds: number): SimulatedRound {
  const number = (key: string): number | null => (typeof line[key] === 'number' ? line[key] : null);
  return {
    round: line.round,
    result: line['result'] as SimulatedRound['result'],
    accuracy: number('eval/accuracy'),
    loss: number('eval/loss'),
    wallSeconds,
    metrics: line,
  };
}

/** @param run - as it stands at its end */
export function resultOf(
  { config, about, data, lists, leftOut, workers, transport }: Prepared,
  run: RunView,
  rounds: readonly StoredRound[],
  rest: {
    readonly traffic: { readonly up: number; readonly down: number };
    readonly seconds: number;
    readonly backend: string;
    readonly out: string | null;
  },
): SimulationResult {
  const target = config.targetAccuracy ?? null;
  const reached =
    target === null ? undefined : rounds.find(({ evaluation }) => (evaluation?.['accuracy'] ?? 0) >= target);
  const endedAt = rounds.at(-1)?.record.endedAt ?? 0;
  return {
    run: run.id,
    task: run.task,
    strategy: run.strategy,
    seed: config.seed,
    data: data.name,
    partition: about['partition'] as string,
    clients: lists.length,
    leftOut,
    rounds: run.round,
    roundsToTarget: reached?.record.round ?? null,
    targetAccuracy: target,
    accuracy: run.evaluation?.['accuracy'] ?? null,
    loss: run.evaluation?.['loss'] ?? null,
    reports: rounds.reduce((sum, { record }) => sum + record.reports.length, 0),
    bytesUp: rest.traffic.up,
    bytesDown: rest.traffic.down,
    seconds: Number(rest.seconds.toFixed(2)),
    virtualSeconds: transport === 'memory' ? endedAt / 1000 : null,
    backend: rest.backend,
    workers,
    transport,
    weightsSha256: run.weights,
    out: rest.out,
    epsilon: null,
    secureAggregation: run.secureAggregation,
  };
}
