import { fromHex } from '../shared/bytes.ts';
import { asFederatedError, FederatedError, type ErrorCode } from '../shared/errors.ts';
import type { ClientId, Sha256 } from '../shared/ids.ts';
import { firstPrevious, sealRecord, type RoundRecord } from '../shared/round-log.ts';
import { finalRunStates, type RoundResult, type RunState } from '../shared/states.ts';
import { encodeTask } from '../shared/tasks/task.ts';
import { bytesFloats, floatBytes } from '../shared/weights.ts';
import type { Host, Population, StepName } from './host.ts';
import { checkReport } from './report-check.ts';
import { RoundSum } from './round-sum.ts';
import { isOpen, isPending, newRound, step, type RoundEffect, type RoundEvent, type RoundState } from './round.ts';
import { minReportsOf, select } from './selection.ts';
import type { Evaluation, StoredAttempt, StoredRun } from './store/store.ts';
import type { Strategy } from './strategies/strategy.ts';
import { strategyOf } from './strategies/table.ts';
import { Uploads, type Report, type Upload } from './uploads.ts';

/**
 * One run in progress: owns the round's state, sums and clocks, carries out its effects, and decides what follows a round.
 * The only caller of `round.ts`.
 */
export class ActiveRun {
  #stored: StoredRun;
  readonly #host: Host;
  readonly #population: Population;
  readonly #onChange: (run: ActiveRun) => void;
  readonly #strategy: Strategy;
  readonly #taskBytes: number;
  readonly #uploads: Uploads;
  #weights: Float32Array;
  #strategyState: Float32Array;
  #sum: RoundSum | null = null;
  #round: RoundState = newRound;
  #attempt = 0;
  #sequence: number;
  #previous: string;
  #startedAt = 0;
  #bytesUp = 0;
  #deadline: number | null = null;
  #cancelDeadline: () => void = () => {};
  #cancelRetry: () => void = () => {};
  readonly #cancelGrace = new Map<ClientId, () => void>();
  readonly #counted = new Map<ClientId, { readonly examples: number; readonly upload: Uint8Array }>();
  #resumedAt: number | null = null;
  #lastEvaluation: Evaluation | null = null;
  #retrying = false;
  #busy = false;
  #closed = false;

  private constructor(init: {
    readonly stored: StoredRun;
    readonly host: Host;
    readonly population: Population;
    readonly onChange: (run: ActiveRun) => void;
    readonly weights: Float32Array;
    readonly strategyState: Float32Array | null;
    readonly last: RoundRecord | undefined;
    readonly lastEvaluation: Evaluation | null;
  }) {
    this.#stored = init.stored;
    this.#host = init.host;
    this.#population = init.population;
    this.#onChange = init.onChange;
    this.#weights = init.weights;
    this.#strategy = strategyOf(init.stored.config.strategy);
    this.#strategyState = init.strategyState ?? this.#strategy.init(init.weights.length);
    this.#taskBytes = encodeTask(init.stored.config.task).length;
    this.#sequence = init.last?.sequence ?? 0;
    this.#previous = init.last?.hash ?? firstPrevious;
    this.#attempt = init.last?.result === 'abandoned' ? init.last.attempt : 0;
    this.#lastEvaluation = init.lastEvaluation;
    const { maxUpdateNorm } = init.stored.config;
    this.#uploads = new Uploads(
      {
        now: () => init.host.clock.now(),
        send: (client, report, offset) => {
          this.#step('upload-begun');
          this.#send(client, { type: 'send', ...this.#where(), upload: report.upload, offset });
        },
        ack: (client, report, offset) => {
          this.#send(client, { type: 'ack', ...this.#where(), upload: report.upload, offset });
        },
        whole: (upload) => this.#count(upload),
        refused: (client, report, error) => this.#refuse(client, report, error),
      },
      { length: init.weights.length, maxNorm: maxUpdateNorm, limits: init.host.limits },
    );
  }

  /** Reads a run's model and log back from the store. @throws FederatedError STORE_CORRUPT, NOT_FOUND */
  static async open(
    stored: StoredRun,
    host: Host,
    population: Population,
    onChange: (run: ActiveRun) => void,
  ): Promise<ActiveRun> {
    const weights = bytesFloats(new Uint8Array(await host.blobs.get(stored.weights)));
    const state = stored.strategyState;
    const strategyState = state === null ? null : bytesFloats(new Uint8Array(await host.blobs.get(state)));
    const rounds = await host.store.rounds(stored.id);
    const lastEvaluation = rounds.findLast(({ evaluation }) => evaluation !== null)?.evaluation ?? null;
    const last = rounds.at(-1)?.record;
    return new ActiveRun({ stored, host, population, onChange, weights, strategyState, last, lastEvaluation });
  }

  get stored(): StoredRun {
    return this.#stored;
  }

  /** The round in progress; its phase is `selecting` with no members while none is. */
  get round(): RoundState {
    return this.#round;
  }

  get attempt(): number {
    return this.#attempt;
  }

  get parameters(): number {
    return this.#weights.length;
  }

  /** ms since 1970 */
  get deadline(): number | null {
    return this.#deadline;
  }

  get evaluation(): Evaluation | null {
    return this.#lastEvaluation;
  }

  get resumedAt(): number | null {
    return this.#resumedAt;
  }

  /** The number of the round that is in progress or comes next. */
  get number(): number {
    return this.#stored.round + 1;
  }

  isMember(id: ClientId): boolean {
    return this.#round.members.has(id) && this.#round.phase !== 'over';
  }

  isUploading(id: ClientId): boolean {
    return this.#uploads.isReceiving(id);
  }

  waitsToUpload(id: ClientId): boolean {
    return this.#uploads.isWaiting(id);
  }

  /** Goes on with the attempt that the store holds, or begins a new one as soon as enough clients are ready. */
  async start(): Promise<void> {
    const attempt = await this.#host.store.attempt(this.#stored.id);
    if (this.#stored.round > 0 || attempt !== null) {
      this.#resumedAt = this.#stored.round;
      const where = attempt === null ? '' : `, in round ${attempt.round} (attempt ${attempt.attempt})`;
      this.#event('run', `Resumed ${this.#stored.id} after round ${this.#stored.round}${where}.`, {
        round: this.#stored.round,
      });
    }
    if (this.#stored.state === 'created') await this.#setState('waiting');
    await this.#evaluateIfMissing();
    if (attempt !== null && attempt.round === this.number) this.#resume(attempt);
    else if (this.#stored.state === 'pausing' || this.#stored.state === 'stopping') await this.#setStateAfterRound();
    else if (this.#isOver()) await this.#finish('finished');
    else this.#begin();
  }

  /** A client is able to train. Selected clients get their work; the others hear why they wait. */
  clientReady(id: ClientId): void {
    this.#cancelGrace.get(id)?.();
    this.#cancelGrace.delete(id);
    if (this.isMember(id)) this.#dispatch({ type: 'back', from: id });
    else if (this.#round.members.size > 0) this.#tellWait(id);
    this.#begin();
    if (this.#round.members.size === 0) this.#tellWait(id);
  }

  /** A client's socket closed, or it is not able to train for now. */
  clientAway(id: ClientId): void {
    this.#dispatch({ type: 'away', from: id });
  }

  clientLeft(id: ClientId): void {
    this.#uploads.drop(id);
    this.#dispatch({ type: 'left', from: id });
  }

  downloaded(id: ClientId, message: { readonly run: string; readonly round: number; readonly attempt: number }): void {
    if (this.#isCurrent(message)) this.#dispatch({ type: 'downloaded', from: id });
  }

  failed(
    id: ClientId,
    message: { run: string; round: number; attempt: number; code: ErrorCode; message: string },
  ): void {
    if (!this.#isCurrent(message) || !isPending(this.#round, id)) return;
    this.#event('client', `Client ${id.slice(0, 8)} could not train: ${message.message}`, {
      client: id,
      code: message.code,
    });
    this.#uploads.drop(id);
    this.#dispatch({ type: 'failed', from: id });
  }

  /** A client offers its update. */
  report(id: ClientId, report: Report): void {
    const counted = this.#counted.get(id);
    const verdict = checkReport(report, {
      run: this.#stored.id,
      round: this.number,
      attempt: this.#attempt,
      length: this.#weights.length,
      maxExamples: this.#stored.config.maxExamples,
      open: isOpen(this.#round),
      member: this.#round.members.get(id),
      counted: counted?.upload,
    });
    if (verdict === 'accept') this.#uploads.begin(id, report);
    else if (verdict === 'known') this.#send(id, { type: 'received', ...this.#where() });
    else this.#refuse(id, report, verdict);
  }

  chunk(id: ClientId, tag: number, offset: number, payload: Uint8Array): void {
    this.#bytesUp += payload.length;
    this.#uploads.chunk(id, tag, offset, payload);
  }

  tick(): void {
    this.#uploads.tick();
  }

  async pause(): Promise<void> {
    this.#expectState('pause', ['waiting', 'running']);
    this.#cancelRetry();
    this.#retrying = false;
    if (this.#inRound()) return this.#setState('pausing');
    await this.#setState('paused');
    this.#tellAll();
  }

  async resume(): Promise<void> {
    this.#expectState('resume', ['paused', 'pausing']);
    await this.#setState(this.#inRound() ? 'running' : 'waiting');
    this.#begin();
  }

  async stop(now: boolean): Promise<void> {
    this.#expectState('stop', ['created', 'waiting', 'running', 'pausing', 'paused', 'stopping']);
    this.#cancelRetry();
    this.#retrying = false;
    if (!this.#inRound()) return this.#finish('stopped');
    await this.#setState('stopping');
    if (now) this.#dispatch({ type: 'abort', reason: 'stopped by the operator' });
  }

  /** Ends all timers; what is in memory of the round in progress is dropped, as by a crash. */
  close(): void {
    this.#closed = true;
    this.#cancelDeadline();
    this.#cancelRetry();
    for (const cancel of this.#cancelGrace.values()) cancel();
    this.#uploads.clear();
  }

  /** What a client that cannot train now should hear. */
  waitReasonFor(
    id: ClientId,
  ): 'server-paused' | 'not-enough-clients' | 'not-selected' | 'round-in-progress' | 'run-finished' {
    const { state } = this.#stored;
    if (state === 'paused' || state === 'pausing') return 'server-paused';
    if (finalRunStates.includes(state) || state === 'stopping') return 'run-finished';
    if (!this.#inRound()) return 'not-enough-clients';
    return this.isMember(id) ? 'round-in-progress' : 'not-selected';
  }

  // The round.

  #inRound(): boolean {
    return this.#round.members.size > 0;
  }

  #begin(): void {
    const { state, config, id } = this.#stored;
    if (
      this.#inRound() ||
      this.#retrying ||
      this.#busy ||
      this.#closed ||
      !(state === 'waiting' || state === 'running')
    )
      return;
    const where = { run: id, round: this.number, attempt: this.#attempt + 1 };
    const selection = select(config, where, this.#population.ready());
    if (selection === null) {
      if (state === 'running') void this.#setState('waiting').catch((error) => this.#trouble(error));
      return;
    }
    this.#attempt++;
    this.#open(selection.cohort, selection.wanted);
  }

  #resume(attempt: StoredAttempt): void {
    this.#attempt = attempt.attempt;
    this.#open(attempt.cohort, attempt.wanted);
  }

  #open(cohort: readonly ClientId[], wanted: number): void {
    const { config } = this.#stored;
    this.#sum = RoundSum.reuse(this.#sum, {
      length: this.#weights.length,
      weighting: config.weighting,
      maxExamples: config.maxExamples,
      maxUpdateNorm: config.maxUpdateNorm,
      maxReports: cohort.length,
    });
    this.#counted.clear();
    this.#bytesUp = 0;
    this.#startedAt = this.#host.clock.now();
    this.#round = newRound;
    this.#dispatch({ type: 'selected', cohort, wanted, minReports: minReportsOf(config, wanted) });
  }

  #dispatch(event: RoundEvent): void {
    if (this.#closed) return;
    const before = this.#round.phase;
    const [state, effects] = step(this.#round, event);
    this.#round = state;
    if (state.phase !== before && state.phase !== 'over') {
      this.#event('phase', `Round ${this.number}: ${state.phase}.`, { round: this.number, phase: state.phase });
    }
    for (const effect of effects) this.#perform(effect);
    if (effects.length > 0 || state.phase !== before) this.#onChange(this);
  }

  #perform(effect: RoundEffect): void {
    switch (effect.do) {
      case 'save':
        return this.#attemptTo(() => this.#save());
      case 'train':
        return this.#train(effect.to);
      case 'arm':
        return this.#arm(effect.phase);
      case 'grace':
        return this.#grace(effect.of);
      case 'confirm':
        return this.#send(effect.to, { type: 'received', ...this.#where() });
      case 'aggregate':
        return this.#attemptTo(() => this.#aggregate());
      case 'evaluate':
        return this.#attemptTo(() => this.#evaluate());
      case 'abandon':
        return this.#attemptTo(() => this.#abandon());
      case 'end':
        return this.#disarm();
      default:
        effect satisfies never;
    }
  }

  async #save(): Promise<void> {
    const attempt = { run: this.#stored.id, round: this.number, attempt: this.#attempt };
    await this.#host.store.saveAttempt({
      ...attempt,
      cohort: [...this.#round.members.keys()],
      wanted: this.#round.wanted,
    });
    this.#step('attempt-saved');
    if (this.#stored.state === 'waiting') await this.#setState('running');
    const cohort = this.#round.members.size;
    this.#event('round', `Round ${this.number} of ${this.#stored.config.rounds} begins with ${cohort} clients.`, {
      ...attempt,
      cohort,
    });
    this.#dispatch({ type: 'saved', present: new Set(this.#population.ready()) });
    for (const id of this.#population.ready()) if (!this.isMember(id)) this.#tellWait(id);
  }

  #train(to: ClientId): void {
    this.#send(to, {
      type: 'train',
      ...this.#where(),
      task: fromHex(this.#stored.task),
      weights: fromHex(this.#stored.weights),
      taskBytes: this.#taskBytes,
      weightsBytes: 4 * this.#weights.length,
      deadline: Math.max(0, this.#startedAt + this.#stored.config.roundTimeout - this.#host.clock.now()),
    });
    this.#step('train-sent');
  }

  /** Both deadlines count from the beginning of the attempt. */
  #arm(phase: 'sending' | 'training'): void {
    const { sendTimeout, roundTimeout } = this.#stored.config;
    this.#cancelDeadline();
    this.#deadline = this.#startedAt + (phase === 'sending' ? Math.min(sendTimeout, roundTimeout) : roundTimeout);
    const left = Math.max(0, this.#deadline - this.#host.clock.now());
    this.#cancelDeadline = this.#host.clock.after(left, () => {
      this.#dispatch({ type: 'deadline', phase });
      if (this.#round.phase === 'training' && phase === 'sending') this.#arm('training');
    });
  }

  #disarm(): void {
    this.#cancelDeadline();
    this.#deadline = null;
    for (const cancel of this.#cancelGrace.values()) cancel();
    this.#cancelGrace.clear();
  }

  #grace(id: ClientId): void {
    this.#cancelGrace.get(id)?.();
    const over = (): void => {
      this.#cancelGrace.delete(id);
      this.#uploads.drop(id);
      this.#dispatch({ type: 'grace-over', from: id });
    };
    this.#cancelGrace.set(id, this.#host.clock.after(this.#host.limits.rejoinGrace, over));
  }

  /** A whole, checked update: it counts from now on, whatever happens to its client. */
  #count(upload: Upload): void {
    const { client, report } = upload;
    if (!isPending(this.#round, client) || this.#sum === null) {
      this.#uploads.release(upload);
      this.#refuse(
        client,
        report,
        new FederatedError('ROUND_CLOSED', 'report: the round closed before the update was whole'),
      );
      return;
    }
    this.#counted.set(client, { examples: report.examples, upload: report.upload });
    const sum = this.#sum;
    const added = sum.add({ values: upload.values, examples: report.examples, metrics: report.metrics });
    const where = this.#where();
    this.#attemptTo(async () => {
      await added;
      this.#uploads.release(upload);
      this.#step('report-received');
      this.#send(client, { type: 'received', ...where });
    });
    this.#host.metrics.report('counted');
    this.#host.metrics.updateNorm(upload.norm);
    const data = { client, round: this.number, examples: report.examples, norm: upload.norm, metrics: report.metrics };
    this.#event('report', `Client ${client.slice(0, 8)} reported (${report.examples} examples).`, data);
    this.#dispatch({ type: 'reported', from: client });
  }

  #refuse(client: ClientId, report: Report, error: FederatedError): void {
    this.#host.metrics.refused(error.code);
    this.#host.metrics.report('refused');
    this.#host.log.warn({ client, code: error.code }, error.message);
    this.#event('refused', `A report of client ${client.slice(0, 8)} was refused: ${error.message}`, {
      client,
      code: error.code,
    });
    const { run, round, attempt } = report;
    this.#send(client, {
      type: 'refused',
      run,
      round,
      attempt,
      code: error.code,
      message: error.message.slice(0, 512),
    });
    if (this.#isCurrent(report) && contentFaults.includes(error.code))
      this.#dispatch({ type: 'refused', from: client });
  }

  async #aggregate(): Promise<void> {
    this.#disarm();
    this.#uploads.clear();
    const sum = this.#sum!;
    await sum.settled();
    const next = this.#strategy.aggregate(this.#strategyState, this.#weights, sum);
    this.#step('aggregated');
    const weights = await this.#host.blobs.put(floatBytes(next.weights));
    const strategyState = next.state.length === 0 ? null : await this.#host.blobs.put(floatBytes(next.state));
    this.#step('blob-durable');
    const reports = [...this.#counted].map(([client, { examples }]) => ({ client, examples }));
    const record = this.#seal(this.#round.result ?? 'done', weights, reports);
    const seconds = (record.endedAt - record.startedAt) / 1000;
    const metrics = { ...sum.metricMeans(), seconds, bytesUp: this.#bytesUp, examples: sum.examples };
    await this.#host.store.commitRound(
      this.#stored.id,
      { record, evaluation: null, metrics },
      { weights, strategyState },
    );
    this.#step('round-committed');
    this.#advance(record);
    this.#weights = next.weights;
    this.#strategyState = next.state;
    this.#stored = { ...this.#stored, round: record.round, weights, strategyState };
    this.#host.metrics.round(record, seconds, this.#round.members.size);
    const { run, round, attempt, result } = record;
    if (result !== 'abandoned') {
      const told = {
        type: 'committed',
        run,
        round,
        attempt,
        result,
        weights: fromHex(weights),
        weightsBytes: 4 * this.#weights.length,
      } as const;
      for (const id of this.#round.members.keys()) this.#send(id, { ...told, counted: this.#counted.has(id) });
    }
    this.#step('clients-told');
    const of = `${record.reports.length} of ${this.#round.wanted} reports`;
    this.#event('round', `Round ${round} is ${result}: ${of}, ${seconds.toFixed(2)} s.`, {
      round,
      result,
      weights,
      reports: reports.length,
      seconds,
      metrics,
    });
    this.#dispatch({ type: 'aggregated' });
  }

  async #evaluate(): Promise<void> {
    const { config, round, id } = this.#stored;
    const due = config.evaluateEvery > 0 && (round % config.evaluateEvery === 0 || round >= config.rounds);
    if (due && this.#host.evaluate !== undefined) {
      try {
        const evaluation = await this.#host.evaluate(config.task.model, this.#weights);
        await this.#host.store.setEvaluation(id, round, evaluation);
        this.#lastEvaluation = evaluation;
        this.#host.metrics.evaluation(id, evaluation);
        this.#event('evaluation', describeEvaluation(round, evaluation), { round, ...evaluation });
      } catch (thrown) {
        const error = asFederatedError(thrown);
        this.#host.log.error({ code: error.code }, error.message);
        this.#event('evaluation', `Round ${round} could not be evaluated: ${error.message}`, {
          round,
          code: error.code,
        });
      }
      this.#step('evaluated');
    }
    this.#attempt = 0;
    this.#dispatch({ type: 'evaluated' });
    this.#round = newRound;
    await this.#next();
  }

  async #evaluateIfMissing(): Promise<void> {
    const { id, round, config } = this.#stored;
    if (round === 0 || this.#host.evaluate === undefined || config.evaluateEvery === 0) return;
    const last = (await this.#host.store.rounds(id)).findLast(({ record }) => record.result !== 'abandoned');
    const due = round % config.evaluateEvery === 0 || round >= config.rounds;
    if (last === undefined || last.evaluation !== null || !due) return;
    const evaluation = await this.#host.evaluate(config.task.model, this.#weights);
    await this.#host.store.setEvaluation(id, round, evaluation);
    this.#lastEvaluation = evaluation;
  }

  async #abandon(): Promise<void> {
    this.#disarm();
    this.#uploads.clear();
    await this.#sum?.settled();
    const record = this.#seal('abandoned', this.#stored.weights, []);
    const seconds = (record.endedAt - record.startedAt) / 1000;
    const { weights, strategyState } = this.#stored;
    await this.#host.store.commitRound(
      this.#stored.id,
      { record, evaluation: null, metrics: { seconds } },
      { weights, strategyState },
    );
    this.#advance(record);
    this.#host.metrics.round(record, seconds, this.#round.members.size);
    const reason = record.reason.slice(0, 256);
    for (const id of this.#round.members.keys()) this.#send(id, { type: 'abandoned', ...this.#where(), reason });
    this.#event('round', `Round ${record.round} was abandoned: ${record.reason}.`, {
      round: record.round,
      result: 'abandoned',
      reason,
    });
    this.#round = newRound;
    if (this.#attempt >= this.#stored.config.maxAttempts) {
      await this.#setState('paused', `Round ${record.round} was abandoned ${this.#attempt} times: ${record.reason}`);
      this.#tellAll();
      return;
    }
    if (this.#stored.state === 'pausing' || this.#stored.state === 'stopping') return this.#setStateAfterRound();
    this.#retrying = true;
    this.#cancelRetry = this.#host.clock.after(this.#stored.config.retryDelay, () => {
      this.#retrying = false;
      this.#begin();
    });
    this.#tellAll();
  }

  #seal(result: RoundResult, weightsAfter: Sha256, reports: RoundRecord['reports']): RoundRecord {
    return sealRecord({
      run: this.#stored.id,
      sequence: this.#sequence + 1,
      round: this.number,
      attempt: this.#attempt,
      result,
      reason: this.#round.reason,
      task: this.#stored.task,
      weightsBefore: this.#stored.weights,
      weightsAfter,
      cohort: [...this.#round.members.keys()].toSorted(),
      reports: reports.toSorted((a, b) => (a.client < b.client ? -1 : 1)),
      startedAt: this.#startedAt,
      endedAt: this.#host.clock.now(),
      previous: this.#previous,
    });
  }

  #advance(record: RoundRecord): void {
    this.#sequence = record.sequence;
    this.#previous = record.hash;
  }

  // The run.

  #isOver(): boolean {
    const { round, config } = this.#stored;
    const accuracy = this.#lastEvaluation?.['accuracy'] ?? 0;
    return round >= config.rounds || (config.targetAccuracy !== undefined && accuracy >= config.targetAccuracy);
  }

  async #next(): Promise<void> {
    if (this.#isOver()) return this.#finish('finished');
    if (this.#stored.state === 'pausing' || this.#stored.state === 'stopping') return this.#setStateAfterRound();
    this.#begin();
    if (!this.#inRound()) this.#tellAll();
  }

  async #setStateAfterRound(): Promise<void> {
    if (this.#stored.state === 'stopping') return this.#finish('stopped');
    await this.#setState('paused');
    this.#tellAll();
  }

  async #finish(state: 'finished' | 'stopped' | 'failed', reason: string | null = null): Promise<void> {
    await this.#setState(state, reason);
    for (const id of this.#population.ready()) this.#send(id, this.farewell());
  }

  /** What clients hear when the run is over. */
  farewell(): Extract<Parameters<Population['send']>[1], { type: 'finished' }> {
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

  async #setState(state: RunState, reason: string | null = null): Promise<void> {
    if (this.#stored.state === state && this.#stored.reason === reason) return;
    this.#busy = true;
    try {
      await this.#host.store.setRunState(this.#stored.id, state, reason);
    } finally {
      this.#busy = false;
    }
    this.#stored = { ...this.#stored, state, reason };
    this.#event('run', `Run ${this.#stored.id} is ${state}${reason === null ? '' : `: ${reason}`}.`, { state, reason });
    this.#onChange(this);
  }

  #expectState(action: string, states: readonly RunState[]): void {
    if (states.includes(this.#stored.state)) return;
    throw new FederatedError('BAD_STATE', `cannot ${action} run ${this.#stored.id}: it is ${this.#stored.state}`);
  }

  // Small things.

  #where(): { run: string; round: number; attempt: number } {
    return { run: this.#stored.id, round: this.number, attempt: this.#attempt };
  }

  #isCurrent(message: { readonly run: string; readonly round: number; readonly attempt: number }): boolean {
    return message.run === this.#stored.id && message.round === this.number && message.attempt === this.#attempt;
  }

  #send(id: ClientId, message: Parameters<Population['send']>[1]): void {
    this.#population.send(id, message);
  }

  #tellWait(id: ClientId): void {
    if (!this.isMember(id))
      this.#send(id, { type: 'wait', reason: this.waitReasonFor(id), run: this.#stored.id, round: this.number });
  }

  #tellAll(): void {
    for (const id of this.#population.ready()) this.#tellWait(id);
  }

  #event(
    type: 'run' | 'round' | 'phase' | 'client' | 'report' | 'evaluation' | 'refused',
    message: string,
    data: object,
  ): void {
    const at = this.#host.clock.now();
    this.#host.events.add({ at, run: this.#stored.id, type, message, data: { ...data } });
  }

  #step(name: StepName): void {
    this.#host.onStep?.(name);
  }

  /** Runs a part of a round that waits for disk or worker. Its failure pauses the run; nothing committed is lost. */
  #attemptTo(action: () => Promise<void>): void {
    action().catch((error: unknown) => this.#trouble(error));
  }

  #trouble(thrown: unknown): void {
    if (this.#closed) return;
    const error = asFederatedError(thrown);
    this.#host.log.error({ code: error.code, run: this.#stored.id, stack: error.stack }, error.message);
    this.#disarm();
    this.#uploads.clear();
    this.#round = newRound;
    this.#attempt = Math.max(0, this.#attempt - 1); // the same attempt is tried again on resume
    const reason = `${error.message} [${error.code}]`;
    this.#stored = { ...this.#stored, state: 'paused', reason };
    this.#event('run', `Run ${this.#stored.id} is paused: ${reason}`, { state: 'paused', reason });
    this.#host.store.setRunState(this.#stored.id, 'paused', reason).catch((again: unknown) => {
      this.#host.log.error(
        { run: this.#stored.id },
        `could not store that the run is paused: ${asFederatedError(again).message}`,
      );
    });
    this.#onChange(this);
    this.#tellAll();
  }
}

/** Refusals that are the report's own fault: its client is out of this attempt. */
const contentFaults: readonly ErrorCode[] = [
  'WRONG_SHAPE',
  'BAD_EXAMPLES',
  'NOT_FINITE',
  'NORM_TOO_LARGE',
  'BAD_OFFSET',
  'TOO_SLOW',
];

const describeEvaluation = (round: number, { loss, accuracy }: Evaluation): string =>
  `Round ${round}: held-out loss ${loss?.toFixed(4) ?? '?'}${accuracy === undefined ? '' : `, accuracy ${(100 * accuracy).toFixed(2)} %`}.`;
