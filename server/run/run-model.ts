import { setImmediate as pause } from 'node:timers/promises';
import type { Sha256 } from '../../shared/ids.ts';
import type { RoundRecord } from '../../shared/round-log.ts';
import { statisticSpans, type Span } from '../../shared/tasks/spans.ts';
import { bytesFloats } from '../../shared/weights.ts';
import type { ClosedReports } from '../aggregation/aggregation.ts';
import type { Host } from '../host.ts';
import type { Evaluation, StoredRun } from '../store/store.ts';
import { nextModel } from '../strategies/next-model.ts';
import type { Aggregated, Strategy } from '../strategies/strategy.ts';
import { strategyOf } from '../strategies/table.ts';
import { evaluateRound } from './round-evaluation.ts';

/** What there is in memory of a run's model. */
interface Read {
  readonly weights: Float32Array;
  readonly state: Float32Array;
  /** The newest record of the log. */
  readonly last: RoundRecord | undefined;
  readonly evaluation: Evaluation | null;
}

/** The model of a run as its last round left it: weights, the strategy's state, what was measured of it, and the log's end. */
export class RunModel {
  readonly strategy: Strategy;
  readonly #statistics: readonly Span[];
  #now: Read;

  private constructor({ config }: StoredRun, strategy: Strategy, read: Read) {
    this.strategy = strategy;
    this.#statistics = statisticSpans(config.task.model);
    this.#now = read;
  }

  /** @throws FederatedError STORE_CORRUPT, NOT_FOUND */
  static async read(stored: StoredRun, host: Pick<Host, 'blobs' | 'store'>): Promise<RunModel> {
    const strategy = strategyOf(stored.config.strategy);
    return new RunModel(stored, strategy, await read(stored, strategy, host));
  }

  /** Takes over what the store holds. @throws FederatedError STORE_CORRUPT, NOT_FOUND */
  async readAgain(stored: StoredRun, host: Pick<Host, 'blobs' | 'store'>): Promise<void> {
    this.#now = await read(stored, this.strategy, host);
  }

  /** d */
  get length(): number {
    return this.#now.weights.length;
  }

  /** The newest record of the log. */
  get last(): RoundRecord | undefined {
    return this.#now.last;
  }

  get evaluation(): Evaluation | null {
    return this.#now.evaluation;
  }

  /** What the strategy makes of a round's reports. @throws FederatedError NOT_FINITE */
  after(reports: ClosedReports): Promise<Aggregated> {
    const { state, weights } = this.#now;
    return nextModel(this.strategy, { state, weights, statistics: this.#statistics }, reports, pause);
  }

  /** A round is committed. */
  committed({ weights, state }: Aggregated, last: RoundRecord): void {
    this.#now = { ...this.#now, weights, state, last };
  }

  /** An attempt that came to nothing is in the log. */
  abandoned(last: RoundRecord): void {
    this.#now = { ...this.#now, last };
  }

  /** Central evaluation of the last committed round, if it is due. @param stored - the run at that round */
  async evaluate(stored: StoredRun, host: Host): Promise<void> {
    const evaluation = await evaluateRound(stored, this.#now.weights, host);
    if (evaluation !== null) this.#now = { ...this.#now, evaluation };
  }
}

async function read(
  stored: StoredRun,
  strategy: Strategy,
  { blobs, store }: Pick<Host, 'blobs' | 'store'>,
): Promise<Read> {
  const floats = async (blob: Sha256): Promise<Float32Array> => bytesFloats(new Uint8Array(await blobs.get(blob)));
  const weights = await floats(stored.weights);
  const state = stored.strategyState === null ? strategy.init(weights.length) : await floats(stored.strategyState);
  const { record, evaluated } = await store.newest(stored.id);
  return { weights, state, last: record ?? undefined, evaluation: evaluated?.evaluation ?? null };
}
