import { fromHex } from '../../shared/bytes.ts';
import type { GeneratorName } from '../../shared/crypto/primitives.ts';
import { modelHash } from '../../shared/secagg/context.ts';
import type { Aggregation } from '../aggregation/aggregation.ts';
import { MeasuredAggregation } from '../aggregation/measured-aggregation.ts';
import { PlainAggregation } from '../aggregation/plain-aggregation.ts';
import { RoundSum } from '../aggregation/round-sum.ts';
import { securePlans } from '../aggregation/secure-plans.ts';
import { SecureSide } from '../aggregation/secure-side.ts';
import { SetAggregation } from '../aggregation/update-set.ts';
import { updateShapeOf } from '../aggregation/update-shape.ts';
import type { AttemptPlan } from '../attempt/plan.ts';
import { isSecure } from '../config.ts';
import type { Host, UpdateMeasure } from '../host.ts';

/**
 * The memory in which a run adds up its rounds, used again from round to round. That of an attempt which something has cut off
 * is left to it: additions, threads or the making of a model may be at it still.
 */
export class RunSums {
  /** Of uploads past, for those to come. */
  pool: Uint8Array[] = [];
  #sum: RoundSum | null = null;
  #measure: UpdateMeasure | null = null;
  /** The masked sum, in memory that threads can share. */
  #words: Uint32Array = new Uint32Array(0);
  /** An attempt has the memory. */
  #isLent = false;

  /**
   * Where the reports of a new attempt are added.
   * @param cohort - most reports that there can be
   * @param least - fewest clients whose sum is ever made
   * @param generator - of masks
   */
  begin(plan: AttemptPlan, host: Host, cohort: number, least: number, generator: GeneratorName): Aggregation {
    if (this.#isLent) [this.#sum, this.#words] = [null, new Uint32Array(0)];
    this.#isLent = true;
    this.#measure = null;
    if (isSecure(plan.config)) return this.#masked(plan, host, cohort, least, generator);
    const { length, config } = plan;
    const plain = this.#plain(plan, cohort);
    if (host.measureUpdates === undefined) return plain;
    this.#measure = host.measureUpdates({ length, maxNorm: config.maxUpdateNorm, maxReports: cohort });
    return new MeasuredAggregation(plain, this.#measure, length);
  }

  /** What the updates of the newest attempt were measured to be. */
  measured(): Record<string, number> {
    return this.#measure?.metrics() ?? {};
  }

  /** The attempt is over, and nobody is at its sums any more. */
  end(): void {
    this.#isLent = false;
  }

  #plain({ config, strategy, length: size }: AttemptPlan, maxReports: number): Aggregation {
    const { weighting, maxExamples, maxUpdateNorm } = config;
    const bounds = { weighting, maxExamples, maxUpdateNorm, maxReports };
    if (strategy.kind === 'set') return new SetAggregation({ length: size, ...bounds });
    const { length, named, clippingNorm } = updateShapeOf(strategy, size);
    this.#sum = RoundSum.reuse(this.#sum, { length, named, ...bounds });
    return new PlainAggregation(this.#sum, { maxUpdateNorm, clippingNorm });
  }

  #masked(
    plan: AttemptPlan,
    { primitives, masks }: Host,
    cohort: number,
    least: number,
    generator: GeneratorName,
  ): Aggregation {
    const { run, round, attempt, config, task, weights, control, strategy, length } = plan;
    const plans = securePlans(primitives, config, updateShapeOf(strategy, length), cohort, least, generator);
    if (this.#words.length === plans.secagg.words) this.#words.fill(0);
    else {
      this.#words = new Uint32Array(new SharedArrayBuffer(4 * plans.secagg.words));
      this.pool = []; // of another length
    }
    const model = modelHash(primitives, fromHex(task), fromHex(weights), control === null ? null : fromHex(control));
    const about = { run, round, attempt, model };
    return new SecureSide({ plans, round: about, primitives, masks, sum: this.#words });
  }
}
