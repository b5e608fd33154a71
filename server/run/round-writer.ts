import { fromHex } from '../../shared/bytes.ts';
import type { RoundRecord } from '../../shared/round-log.ts';
import { floatBytes } from '../../shared/weights.ts';
import type { ClosedReports } from '../aggregation/aggregation.ts';
import type { Attempt } from '../attempt/attempt.ts';
import type { Tell } from '../event-log.ts';
import type { Host, Population } from '../host.ts';
import type { Bases } from '../open-cohort.ts';
import { storedBases } from '../store/base-times.ts';
import type { StoredAttempt } from '../store/store.ts';
import { Pruner } from './pruner.ts';
import { recordOf } from './round-record.ts';
import type { RunModel } from './run-model.ts';
import type { RunStatus } from './run-status.ts';
import { spreadMetrics } from './spread.ts';

/** What is known of an attempt beside its reports. */
export interface Around {
  /** Bytes that went to clients meanwhile. */
  readonly bytesDown: () => number;
  /** What single updates were measured to be. */
  readonly measured: () => Record<string, number>;
  /** Whether the attempt is still the one in progress: else it may be tried again already. */
  readonly isCurrent: () => boolean;
}

/** Writes into store and log how attempts end, and tells their clients. */
export class RoundWriter {
  readonly #host: Host;
  readonly #population: Population;
  readonly #status: RunStatus;
  readonly #model: RunModel;
  readonly #tell: Tell;
  readonly #pruner: Pruner;

  constructor(run: {
    readonly host: Host;
    readonly population: Population;
    readonly status: RunStatus;
    readonly model: RunModel;
    readonly tell: Tell;
  }) {
    this.#host = run.host;
    this.#population = run.population;
    this.#status = run.status;
    this.#model = run.model;
    this.#tell = run.tell;
    this.#pruner = new Pruner(run.host);
  }

  /**
   * Makes a round of the reports. Order: model durable, then the round, then the word to clients.
   * @returns false when the attempt is no longer the one in progress: nothing is written then
   * @throws FederatedError NOT_FINITE, STORE_FULL, ...
   */
  async commit(attempt: Attempt, reports: ClosedReports, around: Around): Promise<boolean> {
    const { blobs, store, onStep, clock } = this.#host;
    const next = await this.#model.after(reports);
    if (!around.isCurrent()) return false;
    onStep?.('aggregated');
    await this.#pruner.run(this.#status.stored);
    const weights = await blobs.put(floatBytes(next.weights));
    const strategyState = next.state.length === 0 ? null : await blobs.put(floatBytes(next.state));
    if (!around.isCurrent()) return false;
    onStep?.('blob-durable');
    const record = recordOf(attempt, { previous: this.#model.last, weightsAfter: weights, endedAt: clock.now() });
    const seconds = secondsOf(record);
    const bytes = { bytesUp: attempt.bytesUp, bytesDown: around.bytesDown() };
    const measured = { ...spreadMetrics(attempt.watch.clients(attempt.state)), ...around.measured() };
    const metrics = { ...reports.metricMeans(), ...measured, seconds, ...bytes, examples: reports.examples };
    const after = { weights, strategyState };
    const bases = this.#stored(attempt.leftAtWork.carried);
    await store.commitRound(record.run, { record, evaluation: null, metrics }, { ...after, ...bases });
    onStep?.('round-committed');
    this.#model.committed(next, record);
    this.#status.committed(record.round, after);
    this.#host.metrics.round(record, seconds, record.cohort.length);
    this.#tellCommitted(attempt, record);
    onStep?.('clients-told');
    const { round, result } = record;
    const count = record.reports.length;
    const text = `Round ${round} is ${result}: ${count} of ${attempt.state.wanted} reports, ${seconds.toFixed(2)} s.`;
    this.#tell('round', text, { round, result, weights, reports: count, seconds, metrics });
    return true;
  }

  /**
   * Logs an attempt that came to nothing.
   * @param again - who brings to the next what it has begun or given
   * @throws FederatedError STORE_FULL, ...
   */
  async abandon(attempt: Attempt, again: Bases): Promise<void> {
    const { id, weights, strategyState } = this.#status.stored;
    const record = recordOf(attempt, {
      previous: this.#model.last,
      weightsAfter: weights,
      endedAt: this.#host.clock.now(),
    });
    const seconds = secondsOf(record);
    const written = { record, evaluation: null, metrics: { seconds } };
    await this.#host.store.commitRound(id, written, { weights, strategyState, ...this.#stored(again) });
    this.#model.abandoned(record);
    this.#host.metrics.round(record, seconds, record.cohort.length);
    const { round, attempt: number, reason } = record;
    const data = { round, attempt: number, result: 'abandoned', reason };
    this.#tell('round', `Round ${round} was abandoned: ${reason}.`, data);
  }

  #stored(bases: Bases): Pick<StoredAttempt, 'bases'> {
    return bases.size === 0 ? {} : { bases: storedBases(bases, this.#host.clock) };
  }

  #tellCommitted(attempt: Attempt, { run, round, attempt: number, result, weightsAfter }: RoundRecord): void {
    if (result === 'abandoned') return;
    const weightsBytes = 4 * this.#model.length;
    const weights = fromHex(weightsAfter);
    const { carried, stale } = attempt.leftAtWork;
    for (const id of stale) attempt.tooStale(id);
    for (const id of attempt.state.members.keys()) {
      if (carried.has(id)) continue; // at work still
      const counted = attempt.ledger.has(id);
      const told = { type: 'committed', run, round, attempt: number, result, weights, weightsBytes, counted } as const;
      this.#population.send(id, told);
    }
  }
}

const secondsOf = ({ startedAt, endedAt }: RoundRecord): number => (endedAt - startedAt) / 1000;
