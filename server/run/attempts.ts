import type { ClientId } from '../../shared/ids.ts';
import { encodeTask } from '../../shared/tasks/task.ts';
import type { ClosedReports } from '../aggregation/aggregation.ts';
import { commonGenerator } from '../aggregation/secure-plans.ts';
import { Attempt, type AttemptOwner } from '../attempt/attempt.ts';
import { detailOfAttempt } from '../attempt/detail.ts';
import type { AttemptPlan } from '../attempt/plan.ts';
import type { Tell } from '../event-log.ts';
import type { Host, Population } from '../host.ts';
import type { Bases } from '../open-cohort.ts';
import type { RoundDetail } from '../operations.ts';
import { minReportsOf } from '../selection.ts';
import { storedBases } from '../store/base-times.ts';
import { bufferOf, leastReportsOf, sharesState } from '../strategies/table.ts';
import { EndedAttempts } from './ended-attempts.ts';
import type { LineUp, Opening } from './line-up.ts';
import { RoundWriter } from './round-writer.ts';
import type { RunModel } from './run-model.ts';
import type { RunStatus } from './run-status.ts';
import { RunSums } from './run-sums.ts';

/** What a run does for its attempts. */
export interface AttemptsOwner {
  /** The attempt is over and stored, and no other has begun. */
  over(attempt: Attempt): Promise<void>;
  trouble(thrown: unknown): void;
  changed(): void;
}

export interface AttemptsOptions {
  readonly host: Host;
  readonly population: Population;
  readonly status: RunStatus;
  readonly model: RunModel;
  readonly lineUp: LineUp;
  readonly tell: Tell;
  readonly owner: AttemptsOwner;
}

/** The attempts of a run, one after the other: begins each with its cohort, its sums and its plan, and makes a round of it. */
export class Attempts implements AttemptOwner {
  readonly #host: Host;
  readonly #population: Population;
  readonly #status: RunStatus;
  readonly #model: RunModel;
  readonly #lineUp: LineUp;
  readonly #owner: AttemptsOwner;
  readonly #writer: RoundWriter;
  readonly #sums = new RunSums();
  readonly event: Tell;
  readonly taskBytes: number;
  #current: Attempt | null = null;
  readonly #ended = new EndedAttempts();
  /** Bytes to clients when the attempt in progress began. */
  #downBefore = 0;

  constructor(options: AttemptsOptions) {
    this.#host = options.host;
    this.#population = options.population;
    this.#status = options.status;
    this.#model = options.model;
    this.#lineUp = options.lineUp;
    this.#owner = options.owner;
    this.#writer = new RoundWriter(options);
    this.event = options.tell;
    this.taskBytes = encodeTask(options.status.stored.config.task).length;
  }

  get weightsBytes(): number {
    return 4 * this.#model.length;
  }

  /** The attempt in progress, or null between two. */
  get current(): Attempt | null {
    return this.#current;
  }

  /** Attempts that are in memory, the one in progress last. */
  get details(): readonly RoundDetail[] {
    const { all } = this.#ended;
    return this.#current === null ? all : [...all, detailOfAttempt(this.#current, null)];
  }

  begin({ attempt, cohort, wanted, bases }: Opening): void {
    const { id: run, config, task, weights, strategyState } = this.#status.stored;
    const { strategy, length } = this.#model;
    const minReports = minReportsOf(config, wanted, leastReportsOf(strategy));
    const { taskBytes } = this;
    const round = this.#status.nextRound;
    const control = sharesState(strategy) ? strategyState : null;
    const about = { config, strategy, task, taskBytes, weights, length, control };
    const plan: AttemptPlan = { run, round, attempt, bases, ...about };
    const most = bufferOf(strategy) === undefined ? cohort.length : wanted;
    const offers = cohort.map((client) => this.#population.generators(client));
    const generator = commonGenerator(this.#host.primitives, offers);
    this.#current = new Attempt({
      plan,
      host: this.#host,
      population: this.#population,
      owner: this,
      aggregation: this.#sums.begin(plan, this.#host, most, minReports, generator),
      pool: this.#sums.pool,
    });
    this.#downBefore = this.#host.metrics.traffic().down;
    this.#current.begin(cohort, wanted, minReports);
  }

  /** Ends the attempt in progress, if any, since something under it has failed. What its clients have goes on. */
  cutOff(): void {
    const attempt = this.#current;
    if (attempt === null) return;
    const isCommitted = attempt.plan.round < this.#status.nextRound;
    this.#lineUp.carry(isCommitted ? attempt.leftAtWork.carried : attempt.broughtAgain);
    attempt.close();
    this.#current = null;
  }

  // What the attempt asks for.

  others(attempt: Attempt): readonly ClientId[] {
    return this.#lineUp.trusted(this.#population.ready()).filter((id) => !attempt.isMember(id));
  }

  async save(cohort: readonly ClientId[], wanted: number, bases: Bases): Promise<void> {
    const { id: run, config } = this.#status.stored;
    const where = { run, round: this.#status.nextRound, attempt: this.#lineUp.attempts };
    const begun = bases.size === 0 ? {} : { bases: storedBases(bases, this.#host.clock) };
    await this.#host.store.saveAttempt({ ...where, cohort, wanted, ...begun });
    if (this.#status.state === 'waiting') await this.#status.set('running'); // not paused or stopped meanwhile
    const text = `Round ${where.round} of ${config.rounds} begins with ${cohort.length} clients.`;
    this.event('round', text, { ...where, cohort: cohort.length });
  }

  async commit(attempt: Attempt, reports: ClosedReports): Promise<void> {
    const isCommitted = await this.#writer.commit(attempt, reports, {
      bytesDown: () => this.#host.metrics.traffic().down - this.#downBefore,
      measured: () => this.#sums.measured(),
      isCurrent: () => attempt === this.#current,
    });
    if (isCommitted) this.#lineUp.roundOver();
  }

  evaluate(): Promise<void> {
    return this.#model.evaluate(this.#status.stored, this.#host);
  }

  async abandon(attempt: Attempt): Promise<Bases> {
    const again: Bases = this.#status.state === 'stopping' ? new Map() : attempt.broughtAgain;
    await this.#writer.abandon(attempt, again);
    this.#lineUp.carry(again);
    return again;
  }

  async over(attempt: Attempt): Promise<void> {
    attempt.close();
    this.#current = null;
    this.#sums.end();
    if (attempt.state.result !== 'abandoned') this.#lineUp.carry(attempt.leftAtWork.carried);
    this.#ended.add(detailOfAttempt(attempt, this.#model.last?.endedAt ?? this.#host.clock.now()));
    try {
      await this.#owner.over(attempt);
    } catch (thrown) {
      this.trouble(thrown); // the attempt is closed, and hears of nothing any more
    }
  }

  spoiled(id: ClientId): void {
    this.#lineUp.spoiled(id);
  }

  trouble(thrown: unknown): void {
    this.#owner.trouble(thrown);
  }

  changed(): void {
    this.#owner.changed();
  }
}
