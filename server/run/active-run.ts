import { setImmediate as pause } from 'node:timers/promises';
import { fromHex } from '../../shared/bytes.ts';
import { asFederatedError, FederatedError, type ErrorCode } from '../../shared/errors.ts';
import type { ClientId, Sha256 } from '../../shared/ids.ts';
import type { MessageOf, ServerMessage } from '../../shared/protocol/messages.ts';
import type { RoundRecord } from '../../shared/round-log.ts';
import { finalRunStates, type RunState, type WaitReason } from '../../shared/states.ts';
import { statisticSpans, type Span } from '../../shared/tasks/spans.ts';
import { encodeTask } from '../../shared/tasks/task.ts';
import { bytesFloats, floatBytes } from '../../shared/weights.ts';
import type { ClosedReports } from '../aggregation/aggregation.ts';
import { RunSums } from '../aggregation/run-sums.ts';
import { commonGenerator } from '../aggregation/secure-plans.ts';
import type { SecureMessage } from '../aggregation/secure-side.ts';
import { Attempt, type AttemptOwner } from '../attempt/attempt.ts';
import { restoredBases, storedBases } from '../attempt/base-times.ts';
import type { Base, Bases, MessageWhere } from '../attempt/plan.ts';
import { isSecure } from '../config.ts';
import type { Host, Population } from '../host.ts';
import { openCohort } from '../open-cohort.ts';
import type { RoundDetail, ServerEvent } from '../operations.ts';
import { minReportsOf, select, type Selection } from '../selection.ts';
import type { Evaluation, StoredAttempt, StoredRun } from '../store/store.ts';
import { nextModel } from '../strategies/next-model.ts';
import type { Strategy } from '../strategies/strategy.ts';
import { bufferOf, leastReportsOf, sharesState, strategyOf } from '../strategies/table.ts';
import type { Report } from '../uploads/uploads.ts';
import { detailOfAttempt } from '../views/round-detail.ts';
import { evaluateRound, lacksEvaluation } from './round-evaluation.ts';
import { recordOf } from './round-record.ts';
import { spreadMetrics } from './spread.ts';

/** What the reason of a run ends with that is paused since its disk is full. */
const fullMark = '[STORE_FULL]';
/** ms */
const longestWaitForRoom = 60_000;

/** A run as it lies in the store, with its model in memory. */
interface OpenedRun {
  readonly stored: StoredRun;
  readonly weights: Float32Array;
  readonly strategyState: Float32Array | null;
  /** The newest record of its log. */
  readonly last: RoundRecord | undefined;
  readonly evaluation: Evaluation | null;
}

/** Clients of ended attempts that are remembered one by one: some hundreds of bytes each. */
const keptRows = 20_000;

/**
 * The run in progress: its model, its log and its state; one attempt after the other until it is over.
 */
export class ActiveRun implements AttemptOwner {
  #stored: StoredRun;
  readonly #host: Host;
  readonly #population: Population;
  readonly #onChange: (run: ActiveRun) => void;
  readonly #strategy: Strategy;
  readonly #taskBytes: number;
  readonly #statistics: readonly Span[];
  #weights: Float32Array;
  #strategyState: Float32Array;
  #evaluation: Evaluation | null;
  #last: RoundRecord | undefined;
  #attempt: Attempt | null = null;
  /** The last attempts that ended, newest last: what was seen of each client is kept in memory alone. */
  readonly #ended: RoundDetail[] = [];
  /** Bytes to clients when the attempt in progress began. */
  #downBefore = 0;
  /** Attempts at the present round so far. */
  #attempts: number;
  /** Clients that have spoiled an attempt, at the round in progress: it is tried again without them. */
  readonly #spoilers = new Set<ClientId>();
  readonly #sums = new RunSums();
  #resumedAt: number | null = null;
  /** Set once the run is taken up: before, clients that are ready begin nothing. */
  #isTakenUp = false;
  /** A call of the store has failed: what it was to write may be there all the same. */
  #isInDoubt = false;
  /** The end of the run is being stored. */
  #isEnding = false;
  /** The attempt that an earlier process has left unfinished: the next one goes on with its cohort. */
  #left: StoredAttempt | null = null;
  /** In an asynchronous run, while one attempt ends and the next begins: who goes on with what it has begun, or gives it again. */
  #carried = new Map<ClientId, Base>();
  #waitsToRetry = false;
  /** How often in a row the run has found no room on the disk. */
  #timesFull = 0;
  #cancelRetry: () => void = () => {};
  #closed = false;

  private constructor(opened: OpenedRun, host: Host, population: Population, onChange: (run: ActiveRun) => void) {
    const { stored, weights, strategyState, last, evaluation } = opened;
    this.#stored = stored;
    this.#host = host;
    this.#population = population;
    this.#onChange = onChange;
    this.#strategy = strategyOf(stored.config.strategy);
    this.#taskBytes = encodeTask(stored.config.task).length;
    this.#statistics = statisticSpans(stored.config.task.model);
    this.#weights = weights;
    this.#strategyState = strategyState ?? this.#strategy.init(weights.length);
    this.#evaluation = evaluation;
    this.#last = last;
    this.#attempts = last?.result === 'abandoned' ? last.attempt : 0;
  }

  /** Reads a run's model and log back from the store. @throws FederatedError STORE_CORRUPT, NOT_FOUND */
  static async open(
    stored: StoredRun,
    host: Host,
    population: Population,
    onChange: (run: ActiveRun) => void,
  ): Promise<ActiveRun> {
    return new ActiveRun(await readRun(stored, host), host, population, onChange);
  }

  get stored(): StoredRun {
    return this.#stored;
  }

  /** The attempt in progress, or null between two. */
  get attempt(): Attempt | null {
    return this.#attempt;
  }

  /** Attempts that are in memory, the one in progress last. */
  get details(): readonly RoundDetail[] {
    return this.#attempt === null ? this.#ended : [...this.#ended, detailOfAttempt(this.#attempt, null)];
  }

  /** d */
  get parameters(): number {
    return this.#weights.length;
  }

  get evaluation(): Evaluation | null {
    return this.#evaluation;
  }

  /** The committed round after which the server went on with this run, or null when it began it. */
  get resumedAt(): number | null {
    return this.#resumedAt;
  }

  get isFinal(): boolean {
    return finalRunStates.includes(this.#stored.state);
  }

  isMember(id: ClientId): boolean {
    return this.#attempt?.isMember(id) ?? false;
  }

  /** Goes on with the attempt that the store holds, or begins a new one as soon as enough clients are ready. */
  async start(): Promise<void> {
    const left = await this.#host.store.attempt(this.#stored.id);
    const attempt = left?.bases === undefined ? left : { ...left, bases: restoredBases(left.bases, this.#host.clock) };
    if (this.#stored.round > 0 || attempt !== null) this.#sayResumed(attempt?.attempt === 0 ? null : attempt);
    if (this.#stored.state === 'created') await this.#setState('waiting');
    if (await lacksEvaluation(this.#stored, this.#host)) await this.evaluate();
    if (attempt?.attempt === 0) this.#carried = new Map(attempt.bases);
    else if (attempt !== null && attempt.round === this.#number) {
      // Keys and masks of a secure attempt went with the process that had it: its cohort begins a new one.
      this.#attempts = attempt.attempt + (isSecure(this.#stored.config) ? 1 : 0);
      this.#left = attempt;
    }
    this.#isTakenUp = true;
    if (this.#stored.state === 'paused' && this.#stored.reason?.endsWith(fullMark) === true) this.#waitForRoom();
    if (this.#left !== null && this.#stored.state !== 'paused') this.#goOn(this.#left);
    else await this.#next();
  }

  // What clients do.

  /** A client is able to train. Selected clients get their work; the others hear why they wait. */
  clientReady(id: ClientId): void {
    if (this.#attempt === null) this.#begin();
    else this.#attempt.clientReady(id);
    this.#tellWait(id);
  }

  clientAway(id: ClientId): void {
    this.#attempt?.clientAway(id);
  }

  clientLeft(id: ClientId): void {
    if (this.#attempt === null) this.#carried.delete(id);
    this.#attempt?.clientLeft(id);
  }

  downloaded(id: ClientId, message: MessageWhere): void {
    this.#attempt?.downloaded(id, message);
  }

  failed(id: ClientId, message: MessageWhere & { code: ErrorCode; message: string }): void {
    this.#attempt?.failed(id, message);
  }

  report(id: ClientId, report: Report): void {
    if (this.#attempt !== null) this.#attempt.report(id, report);
    else this.#refuseIdle(id, report);
  }

  /** A client's answer in a step of secure aggregation. */
  answer(id: ClientId, message: SecureMessage): void {
    if (this.#attempt !== null) this.#attempt.answer(id, message);
    else this.#refuseIdle(id, message);
  }

  #refuseIdle(id: ClientId, { type, run, round, attempt }: Report | SecureMessage): void {
    if (this.#carried.has(id)) return; // asked for once more when it is a member again
    const code = round < this.#number ? 'STALE_ROUND' : 'ROUND_CLOSED';
    this.#host.metrics.refused(code);
    this.#send(id, { type: 'refused', run, round, attempt, code, message: `${type}: no round is in progress` });
  }

  /** @returns false when the chunk belongs to no upload that is wanted */
  chunk(id: ClientId, tag: number, offset: number, payload: Uint8Array): boolean {
    return this.#attempt?.chunk(id, tag, offset, payload) ?? false;
  }

  tick(): void {
    this.#attempt?.tick();
  }

  // What operators do.

  async pause(): Promise<void> {
    this.#expectState('pause', ['waiting', 'running']);
    this.#endRetry();
    if (this.#attempt !== null) return this.#setState('pausing');
    await this.#setState('paused');
    this.#tellAll();
  }

  async resume(): Promise<void> {
    this.#expectState('resume', ['paused', 'pausing']);
    if (this.#isInDoubt) await this.#readAgain();
    await this.#setState(this.#attempt === null ? 'waiting' : 'running');
    if (this.#attempt === null) await this.#next();
  }

  /** @param now - give up the attempt in progress instead of ending it first */
  async stop(now: boolean): Promise<void> {
    this.#expectState('stop', ['created', 'waiting', 'running', 'pausing', 'paused', 'stopping']);
    this.#endRetry();
    if (this.#attempt === null) return this.#finish('stopped');
    await this.#setState('stopping');
    if (now) this.#attempt.abort('stopped by the operator');
  }

  /** Ends all clocks; what is in memory of the attempt in progress is dropped, as by a crash. */
  close(): void {
    this.#closed = true;
    this.#cancelRetry();
    this.#attempt?.close();
  }

  /** What a client that cannot train now should hear. */
  waitReasonFor(id: ClientId): WaitReason {
    const { state } = this.#stored;
    if (state === 'paused' || state === 'pausing') return 'server-paused';
    if (this.isFinal || state === 'stopping') return 'run-finished';
    if (this.#attempt === null) return 'not-enough-clients';
    return this.isMember(id) ? 'round-in-progress' : 'not-selected';
  }

  /** What clients hear when the run is over. */
  farewell(): MessageOf<ServerMessage, 'finished'> {
    const { id, state, round, weights, task } = this.#stored;
    return {
      type: 'finished',
      run: id,
      state: state === 'stopped' || state === 'failed' ? state : 'finished',
      rounds: round,
      weights: fromHex(weights),
      weightsBytes: 4 * this.#weights.length,
      task: fromHex(task),
      taskBytes: this.#taskBytes,
    };
  }

  // What the attempt asks for.

  others(attempt: Attempt): readonly ClientId[] {
    return this.#population.ready().filter((id) => !attempt.isMember(id) && !this.#spoilers.has(id));
  }

  async save(cohort: readonly ClientId[], wanted: number, bases: Bases): Promise<void> {
    const { id, config, state } = this.#stored;
    const where = { run: id, round: this.#number, attempt: this.#attempts };
    await this.#host.store.saveAttempt({
      ...where,
      cohort,
      wanted,
      ...(bases.size === 0 ? {} : { bases: storedBases(bases, this.#host.clock) }),
    });
    if (state === 'waiting') await this.#setState('running');
    const text = `Round ${where.round} of ${config.rounds} begins with ${cohort.length} clients.`;
    this.event('round', text, { ...where, cohort: cohort.length });
  }

  /** Order: model durable, then the round, then the word to clients. */
  async commit(attempt: Attempt, reports: ClosedReports): Promise<void> {
    const { blobs, store, metrics: meters, onStep } = this.#host;
    const model = { state: this.#strategyState, weights: this.#weights, statistics: this.#statistics };
    const next = await nextModel(this.#strategy, model, reports, pause);
    if (attempt !== this.#attempt) return; // trouble has ended it: it may be tried again already
    onStep?.('aggregated');
    const weights = await blobs.put(floatBytes(next.weights));
    const strategyState = next.state.length === 0 ? null : await blobs.put(floatBytes(next.state));
    if (attempt !== this.#attempt) return;
    onStep?.('blob-durable');
    const record = this.#recordOf(attempt, weights);
    const seconds = (record.endedAt - record.startedAt) / 1000;
    const bytes = { bytesUp: attempt.bytesUp, bytesDown: meters.traffic().down - this.#downBefore };
    const spread = spreadMetrics(attempt.watch.clients(attempt.state));
    const measured = { ...spread, ...this.#sums.measured() };
    const metrics = { ...reports.metricMeans(), ...measured, seconds, ...bytes, examples: reports.examples };
    const { carried } = attempt.leftAtWork;
    const bases = carried.size === 0 ? {} : { bases: storedBases(carried, this.#host.clock) };
    const after = { weights, strategyState };
    await store.commitRound(this.#stored.id, { record, evaluation: null, metrics }, { ...after, ...bases });
    onStep?.('round-committed');
    this.#last = record;
    this.#weights = next.weights;
    this.#strategyState = next.state;
    this.#stored = { ...this.#stored, round: record.round, weights, strategyState };
    this.#attempts = 0;
    this.#timesFull = 0;
    this.#spoilers.clear();
    meters.round(record, seconds, record.cohort.length);
    this.#tellCommitted(attempt, record);
    onStep?.('clients-told');
    const { round, result } = record;
    const count = record.reports.length;
    const text = `Round ${round} is ${result}: ${count} of ${attempt.state.wanted} reports, ${seconds.toFixed(2)} s.`;
    this.event('round', text, { round, result, weights, reports: count, seconds, metrics });
  }

  async evaluate(): Promise<void> {
    this.#evaluation = (await evaluateRound(this.#stored, this.#weights, this.#host)) ?? this.#evaluation;
  }

  async abandon(attempt: Attempt): Promise<Bases> {
    const { weights, strategyState, id, state } = this.#stored;
    const again: Bases = state === 'stopping' ? new Map() : attempt.broughtAgain;
    const record = this.#recordOf(attempt, weights);
    const seconds = (record.endedAt - record.startedAt) / 1000;
    const round = { record, evaluation: null, metrics: { seconds } };
    const bases = again.size === 0 ? {} : { bases: storedBases(again, this.#host.clock) };
    await this.#host.store.commitRound(id, round, { weights, strategyState, ...bases });
    this.#last = record;
    this.#carried = new Map(again);
    this.#host.metrics.round(record, seconds, record.cohort.length);
    const { reason } = record;
    const data = { round: record.round, attempt: record.attempt, result: 'abandoned', reason };
    this.event('round', `Round ${record.round} was abandoned: ${reason}.`, data);
    return again;
  }

  async over(attempt: Attempt): Promise<void> {
    attempt.close();
    this.#attempt = null;
    this.#sums.end();
    if (attempt.state.result !== 'abandoned') this.#carried = new Map(attempt.leftAtWork.carried);
    this.#keepDetail(attempt);
    try {
      await this.#goOnAfter(attempt);
    } catch (thrown) {
      this.trouble(thrown); // the attempt is closed, and hears of nothing any more
    }
  }

  async #goOnAfter(attempt: Attempt): Promise<void> {
    const { result, reason } = attempt.state;
    const { state, config } = this.#stored;
    if (result === 'abandoned' && state !== 'stopping' && this.#attempts >= config.maxAttempts) {
      const why = `round ${this.#number} was abandoned ${this.#attempts} times, last: ${reason}`;
      await this.#setState('paused', why);
      this.#tellAll();
    } else if (result === 'abandoned' && (state === 'running' || state === 'waiting')) {
      this.#waitsToRetry = true;
      this.#cancelRetry = this.#host.clock.after(config.retryDelay, () => {
        this.#waitsToRetry = false;
        this.#begin();
      });
      this.#tellAll();
    } else await this.#next();
  }

  spoiled(id: ClientId): void {
    this.#spoilers.add(id);
  }

  /** Something under the round failed (disk, store): the run is paused; nothing committed is lost. */
  trouble(thrown: unknown): void {
    if (this.#closed) return;
    const error = asFederatedError(thrown);
    this.#host.log.error({ code: error.code, run: this.#stored.id, stack: error.stack }, error.message);
    if (this.#attempt !== null) {
      const { plan, leftAtWork, broughtAgain } = this.#attempt;
      this.#carried = new Map(plan.round > this.#stored.round ? broughtAgain : leftAtWork.carried);
      this.#attempt.close();
      this.#attempt = null;
    }
    this.#isInDoubt = true;
    const reason = `${error.message} [${error.code}]`;
    this.#stored = { ...this.#stored, state: 'paused', reason };
    this.event('run', `Run ${this.#stored.id} is paused: ${reason}`, { state: 'paused', reason });
    this.#host.store.setRunState(this.#stored.id, 'paused', reason).catch((again: unknown) => {
      const why = asFederatedError(again).message;
      this.#host.log.error({ run: this.#stored.id }, `could not store that the run is paused: ${why}`);
    });
    this.changed();
    this.#tellAll();
    if (error.code === 'STORE_FULL') this.#waitForRoom();
  }

  changed(): void {
    this.#onChange(this);
  }

  event(type: ServerEvent['type'], message: string, data: object): void {
    const at = this.#host.clock.now();
    this.#host.events.add({ at, run: this.#stored.id, type, message, data: { ...data } });
  }

  // Inside.

  /** Who clears a full disk may not know of this run: it looks by itself, less and less often, whether there is room again. */
  #waitForRoom(): void {
    const wait = Math.min(longestWaitForRoom, this.#stored.config.retryDelay * 2 ** this.#timesFull);
    this.#timesFull++;
    this.#cancelRetry();
    this.#cancelRetry = this.#host.clock.after(wait, () => {
      if (this.#closed || this.#stored.state !== 'paused') return;
      this.resume().catch((error: unknown) => this.trouble(error));
    });
  }

  /** The round that is in progress or comes next. */
  get #number(): number {
    return this.#stored.round + 1;
  }

  /** Takes over what the store holds: a round whose commit seemed to fail is not done twice. */
  async #readAgain(): Promise<void> {
    const read = await readRun(await this.#host.store.run(this.#stored.id), this.#host);
    const { round } = this.#stored;
    const { stored, weights, strategyState, last, evaluation } = read;
    this.#isInDoubt = false;
    this.#stored = { ...stored, state: this.#stored.state, reason: this.#stored.reason };
    this.#weights = weights;
    this.#strategyState = strategyState ?? this.#strategy.init(weights.length);
    this.#evaluation = evaluation;
    this.#last = last;
    if (stored.round === round) return;
    const { bases = [] } = (await this.#host.store.attempt(stored.id)) ?? {};
    this.#carried = new Map(restoredBases(bases, this.#host.clock));
    this.#attempts = 0;
    this.#spoilers.clear();
  }

  /** Whether no further round is wanted. */
  get #isComplete(): boolean {
    const { round, config } = this.#stored;
    const accuracy = this.#evaluation?.['accuracy'] ?? 0;
    return round >= config.rounds || (config.targetAccuracy !== undefined && accuracy >= config.targetAccuracy);
  }

  /** Begins the next attempt if the run is at work, none is in progress, and enough clients are ready. */
  #begin(): void {
    const { state, id } = this.#stored;
    const atWork = state === 'waiting' || state === 'running';
    if (!atWork || this.#attempt !== null || this.#waitsToRetry || this.#closed) return;
    if (!this.#isTakenUp || this.#isEnding || this.#isComplete) return;
    if (this.#left !== null) return this.#goOn(this.#left);
    const where = { run: id, round: this.#number, attempt: this.#attempts + 1 };
    const trusted = this.#population.ready().filter((each) => !this.#spoilers.has(each));
    const selection = this.#select(where, trusted);
    if (selection === null) {
      if (state === 'running') this.#setState('waiting').catch((error: unknown) => this.trouble(error));
      return;
    }
    this.#attempts++;
    this.#goOn({ ...selection, bases: [...this.#carried] });
    for (const each of this.#population.ready()) this.#tellWait(each);
  }

  #select(where: Pick<StoredAttempt, 'run' | 'round' | 'attempt'>, ready: readonly ClientId[]): Selection | null {
    const { config } = this.#stored;
    const buffer = bufferOf(this.#strategy);
    return buffer === undefined
      ? select(config, where, ready)
      : openCohort(config, buffer, where, ready, this.#carried);
  }

  #goOn({ cohort, wanted, bases = [] }: Pick<StoredAttempt, 'cohort' | 'wanted' | 'bases'>): void {
    this.#left = null;
    this.#carried.clear();
    try {
      this.#open(cohort, wanted, new Map(bases));
    } catch (thrown) {
      this.trouble(thrown);
    }
  }

  #keepDetail(attempt: Attempt): void {
    this.#ended.push(detailOfAttempt(attempt, this.#last?.endedAt ?? this.#host.clock.now()));
    let rows = this.#ended.reduce((sum, { clients }) => sum + clients.length, 0);
    while (this.#ended.length > 1 && rows > keptRows) rows -= this.#ended.shift()!.clients.length;
  }

  #open(cohort: readonly ClientId[], wanted: number, bases: Bases): void {
    const { id, config, task, weights, strategyState } = this.#stored;
    const strategy = this.#strategy;
    const length = this.#weights.length;
    const minReports = minReportsOf(config, wanted, leastReportsOf(strategy));
    const where = { run: id, round: this.#number, attempt: this.#attempts };
    const control = sharesState(strategy) ? strategyState : null;
    const plan = { ...where, config, strategy, task, taskBytes: this.#taskBytes, weights, length, control, bases };
    const most = bufferOf(strategy) === undefined ? cohort.length : wanted;
    const offers = cohort.map((client) => this.#population.generators(client));
    const generator = commonGenerator(this.#host.primitives, offers);
    this.#attempt = new Attempt({
      plan,
      host: this.#host,
      population: this.#population,
      owner: this,
      aggregation: this.#sums.begin(plan, this.#host, most, minReports, generator),
      pool: this.#sums.pool,
    });
    this.#downBefore = this.#host.metrics.traffic().down;
    this.#attempt.begin(cohort, wanted, minReports);
  }

  /** After a round, or at the start: finish, pause, stop, or go on. */
  async #next(): Promise<void> {
    const { state } = this.#stored;
    if (state === 'stopping') return this.#finish('stopped');
    if (this.#isComplete) return this.#finish('finished');
    if (state === 'pausing') await this.#setState('paused');
    this.#begin();
    if (this.#attempt === null) this.#tellAll();
  }

  async #finish(state: 'finished' | 'stopped'): Promise<void> {
    if (this.isFinal || this.#isEnding) return;
    await this.#setState(state);
    for (const id of this.#population.everyone()) this.#send(id, this.farewell());
  }

  #recordOf(attempt: Attempt, weightsAfter: Sha256): RoundRecord {
    return recordOf(attempt, { previous: this.#last, weightsAfter, endedAt: this.#host.clock.now() });
  }

  #tellCommitted(attempt: Attempt, { run, round, attempt: number, result, weightsAfter }: RoundRecord): void {
    if (result === 'abandoned') return;
    const weights = fromHex(weightsAfter);
    const told = { type: 'committed', run, round, attempt: number, result, weights } as const;
    const { carried, stale } = attempt.leftAtWork;
    for (const id of stale) attempt.tooStale(id);
    for (const id of attempt.state.members.keys()) {
      if (carried.has(id)) continue; // at work still
      this.#send(id, { ...told, weightsBytes: 4 * this.#weights.length, counted: attempt.ledger.has(id) });
    }
  }

  #sayResumed(attempt: { readonly round: number; readonly attempt: number } | null): void {
    const { id, round } = this.#stored;
    this.#resumedAt = round;
    const where = attempt === null ? '' : `, in round ${attempt.round} (attempt ${attempt.attempt})`;
    this.event('run', `Resumed ${id} after round ${round}${where}.`, { resumedAt: round });
  }

  #endRetry(): void {
    this.#cancelRetry();
    this.#waitsToRetry = false;
  }

  async #setState(state: RunState, reason: string | null = null): Promise<void> {
    if (this.#stored.state === state && this.#stored.reason === reason) return;
    // What ends or wakes the run is durable before it is in force; what holds it is in force at once.
    const before = this.#stored;
    const isEnd = finalRunStates.includes(state);
    const comesFirst = isEnd || state === 'waiting' || state === 'running';
    if (isEnd) this.#isEnding = true;
    if (!comesFirst) this.#stored = { ...before, state, reason };
    try {
      await this.#host.store.setRunState(before.id, state, reason);
    } catch (thrown) {
      if (!comesFirst && this.#stored.state === state) {
        this.#stored = { ...this.#stored, state: before.state, reason: before.reason };
      }
      throw thrown;
    } finally {
      if (isEnd) this.#isEnding = false;
    }
    if (comesFirst) {
      if (this.#stored.state !== before.state && !isEnd) return; // overtaken
      this.#stored = { ...this.#stored, state, reason };
    }
    const text = `Run ${this.#stored.id} is ${state}${reason === null ? '.' : `: ${reason}`}`;
    this.event('run', text, { state, reason });
    this.changed();
  }

  #expectState(action: string, states: readonly RunState[]): void {
    if (states.includes(this.#stored.state) && !this.#isEnding) return;
    throw new FederatedError('BAD_STATE', `cannot ${action} run ${this.#stored.id}: it is ${this.#stored.state}`);
  }

  #send(id: ClientId, message: ServerMessage): void {
    this.#population.send(id, message);
  }

  #tellWait(id: ClientId): void {
    if (this.isMember(id)) return;
    const reason = this.waitReasonFor(id);
    // A client that hears of no run keeps what it has begun for it, since it will be a member again.
    const isKept = !this.#isTakenUp || this.#carried.has(id);
    const about = isKept ? {} : { run: this.#stored.id, round: this.#number };
    this.#send(id, { type: 'wait', reason, ...about });
  }

  #tellAll(): void {
    for (const id of this.#population.ready()) this.#tellWait(id);
  }
}

async function readRun(stored: StoredRun, { blobs, store }: Pick<Host, 'blobs' | 'store'>): Promise<OpenedRun> {
  const floats = async (blob: Sha256): Promise<Float32Array> => bytesFloats(new Uint8Array(await blobs.get(blob)));
  const weights = await floats(stored.weights);
  const strategyState = stored.strategyState === null ? null : await floats(stored.strategyState);
  const { record, evaluated } = await store.newest(stored.id);
  return { stored, weights, strategyState, last: record ?? undefined, evaluation: evaluated?.evaluation ?? null };
}
