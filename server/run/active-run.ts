import { asFederatedError } from '../../shared/errors.ts';
import type { ClientId } from '../../shared/ids.ts';
import type { SecureMessage } from '../aggregation/secure-side.ts';
import type { Attempt } from '../attempt/attempt.ts';
import { isSecure } from '../config.ts';
import type { Tell } from '../event-log.ts';
import type { Host, Population } from '../host.ts';
import type { RoundDetail } from '../operations.ts';
import { restoredBases } from '../store/base-times.ts';
import type { Evaluation, StoredRun } from '../store/store.ts';
import type { Report } from '../uploads/uploads.ts';
import { Attempts, type AttemptsOwner } from './attempts.ts';
import { IdleClients } from './idle-clients.ts';
import { LineUp, type Opening } from './line-up.ts';
import { Retries } from './retries.ts';
import { lacksEvaluation } from './round-evaluation.ts';
import { RunModel } from './run-model.ts';
import { RunStatus } from './run-status.ts';

/** What the reason of a run ends with that is paused since its disk is full. */
const fullMark = '[STORE_FULL]';

/** The run in progress: begins one attempt after the other until it is over, and does what operators ask. */
export class ActiveRun implements AttemptsOwner {
  readonly #host: Host;
  readonly #population: Population;
  readonly #onChange: (run: ActiveRun) => void;
  readonly #tell: Tell;
  readonly #status: RunStatus;
  readonly #model: RunModel;
  readonly #lineUp: LineUp;
  readonly #attempts: Attempts;
  readonly #retries: Retries;
  readonly #idle: IdleClients;
  #resumedAt: number | null = null;
  /** A call of the store has failed: what it was to write may be there all the same. */
  #isInDoubt = false;
  #closed = false;

  private constructor(
    stored: StoredRun,
    model: RunModel,
    host: Host,
    population: Population,
    onChange: (run: ActiveRun) => void,
  ) {
    this.#host = host;
    this.#population = population;
    this.#onChange = onChange;
    const { id: run } = stored;
    const tell: Tell = (type, message, data) =>
      host.events.add({ at: host.clock.now(), run, type, message, data: { ...data } });
    const status = new RunStatus(stored, host.store, (state, reason) => {
      tell('run', `Run ${run} is ${state}${reason === null ? '.' : `: ${reason}`}`, { state, reason });
      this.changed();
    });
    const lineUp = new LineUp(model.last);
    this.#tell = tell;
    this.#status = status;
    this.#model = model;
    this.#lineUp = lineUp;
    this.#attempts = new Attempts({ host, population, status, model, lineUp, tell, owner: this });
    this.#idle = new IdleClients({ population, metrics: host.metrics, status, lineUp, attempts: this.#attempts });
    this.#retries = new Retries(host.clock, stored.config.retryDelay);
  }

  /** Reads a run's model and log back from the store. @throws FederatedError STORE_CORRUPT, NOT_FOUND */
  static async open(
    stored: StoredRun,
    host: Host,
    population: Population,
    onChange: (run: ActiveRun) => void,
  ): Promise<ActiveRun> {
    return new ActiveRun(stored, await RunModel.read(stored, host), host, population, onChange);
  }

  get stored(): StoredRun {
    return this.#status.stored;
  }

  /** The attempt in progress, or null between two: to it goes what clients of it say. */
  get attempt(): Attempt | null {
    return this.#attempts.current;
  }

  /** Attempts that are in memory, the one in progress last. */
  get details(): readonly RoundDetail[] {
    return this.#attempts.details;
  }

  /** d */
  get parameters(): number {
    return this.#model.length;
  }

  get evaluation(): Evaluation | null {
    return this.#model.evaluation;
  }

  /** The committed round after which the server went on with this run, or null when it began it. */
  get resumedAt(): number | null {
    return this.#resumedAt;
  }

  /** What clients hear that are in no attempt. */
  get idle(): IdleClients {
    return this.#idle;
  }

  get isFinal(): boolean {
    return this.#status.isFinal;
  }

  isMember(id: ClientId): boolean {
    return this.attempt?.isMember(id) ?? false;
  }

  /** Goes on with the attempt that the store holds, or begins a new one as soon as enough clients are ready. */
  async start(): Promise<void> {
    const { id, round, config } = this.stored;
    const left = await this.#host.store.attempt(id);
    if (round > 0 || left !== null) this.#sayResumed(left?.attempt === 0 ? null : left);
    if (this.#status.state === 'created') await this.#status.set('waiting');
    if (await lacksEvaluation(this.stored, this.#host)) await this.#model.evaluate(this.stored, this.#host);
    if (left !== null) {
      const bases = left.bases === undefined ? {} : { bases: restoredBases(left.bases, this.#host.clock) };
      if (left.attempt === 0) this.#lineUp.carry(bases.bases ?? []);
      else if (left.round === this.#status.nextRound) this.#lineUp.goOnWith({ ...left, ...bases }, isSecure(config));
    }
    this.#status.takeUp();
    if (this.#isForRoom) this.#waitForRoom();
    const opening = this.#status.state === 'paused' ? null : this.#lineUp.takeLeft();
    if (opening === null) await this.#next();
    else this.#open(opening);
  }

  // What clients do that may be in no attempt.

  /** A client is able to train. Selected clients get their work; the others hear why they wait, or that the run is over. */
  clientReady(id: ClientId): void {
    if (this.isFinal) return this.#population.send(id, this.#idle.farewell());
    if (this.attempt === null) this.#begin();
    else this.attempt.clientReady(id);
    this.#idle.wait(id);
  }

  clientLeft(id: ClientId): void {
    if (this.attempt === null) this.#lineUp.left(id);
    else this.attempt.clientLeft(id);
  }

  report(id: ClientId, report: Report): void {
    if (this.attempt === null) this.#idle.refuse(id, report);
    else this.attempt.report(id, report);
  }

  /** A client's answer in a step of secure aggregation. */
  answer(id: ClientId, message: SecureMessage): void {
    if (this.attempt === null) this.#idle.refuse(id, message);
    else this.attempt.answer(id, message);
  }

  // What operators do.

  async pause(): Promise<void> {
    this.#status.expect('pause', ['waiting', 'running']);
    await this.#insteadOfRetries(async () => {
      if (this.attempt !== null) return this.#status.set('pausing');
      await this.#status.set('paused');
      this.#idle.allWait();
    });
  }

  async resume(): Promise<void> {
    this.#status.expect('resume', ['paused', 'pausing']);
    await this.#insteadOfRetries(() => this.#goOn());
  }

  /** @param now - give up the attempt in progress instead of ending it first */
  async stop(now: boolean): Promise<void> {
    this.#status.expect('stop', ['created', 'waiting', 'running', 'pausing', 'paused', 'stopping']);
    await this.#insteadOfRetries(async () => {
      if (this.attempt === null) return this.#finish('stopped');
      await this.#status.set('stopping');
      if (now) this.attempt.abort('stopped by the operator');
    });
  }

  /** Ends all clocks; what is in memory of the attempt in progress is dropped, as by a crash. */
  close(): void {
    this.#closed = true;
    this.#retries.end();
    this.attempt?.close();
  }

  // What its attempts ask for.

  async over({ state: { result, reason } }: Attempt): Promise<void> {
    const { state, config } = this.stored;
    const { attempts } = this.#lineUp;
    if (result !== 'abandoned') this.#retries.stored();
    if (result === 'abandoned' && state !== 'stopping' && attempts >= config.maxAttempts) {
      const why = `round ${this.#status.nextRound} was abandoned ${attempts} times, last: ${reason}`;
      await this.#status.set('paused', why);
      this.#idle.allWait();
    } else if (result === 'abandoned' && (state === 'running' || state === 'waiting')) {
      this.#retries.later(() => this.#begin());
      this.#idle.allWait();
    } else await this.#next();
  }

  /** Something under the round failed (disk, store): the run is paused; nothing committed is lost. */
  trouble(thrown: unknown): void {
    if (this.#closed) return;
    const { id } = this.stored;
    const { code, stack, message } = asFederatedError(thrown);
    this.#host.log.error({ code, run: id, stack }, message);
    this.#attempts.cutOff();
    this.#isInDoubt = true;
    this.#status.pauseAtOnce(`${message} [${code}]`).catch((again: unknown) => {
      const why = asFederatedError(again).message;
      this.#host.log.error({ run: id }, `could not store that the run is paused: ${why}`);
    });
    this.#idle.allWait();
    this.#retries.end();
    if (code === 'STORE_FULL') this.#waitForRoom();
  }

  changed(): void {
    this.#onChange(this);
  }

  // Inside.

  /** Whether the run is paused since its disk is full. */
  get #isForRoom(): boolean {
    return this.#status.state === 'paused' && this.stored.reason?.endsWith(fullMark) === true;
  }

  #waitForRoom(): void {
    this.#retries.whenThereIsRoom(() => {
      if (this.#closed || this.#status.state !== 'paused') return;
      this.#goOn().catch((error: unknown) => this.trouble(error));
    });
  }

  async #goOn(): Promise<void> {
    if (this.#isInDoubt) await this.#readAgain();
    await this.#status.set(this.attempt === null ? 'waiting' : 'running');
    if (this.attempt === null) await this.#next().catch((thrown: unknown) => this.trouble(thrown));
  }

  /** Does what an operator asks for. What the store refuses changes nothing: then the run tries again by itself, as before. */
  async #insteadOfRetries(work: () => Promise<void>): Promise<void> {
    this.#retries.end();
    try {
      await work();
    } catch (thrown) {
      if (this.#isForRoom) this.#waitForRoom();
      else this.#begin();
      throw thrown;
    }
  }

  /** Takes over what the store holds: a round whose commit seemed to fail is not done twice. */
  async #readAgain(): Promise<void> {
    const { store, clock } = this.#host;
    const { id, round } = this.stored;
    const stored = await store.run(id);
    await this.#model.readAgain(stored, this.#host);
    const bases = stored.round === round ? null : ((await store.attempt(id))?.bases ?? []);
    this.#isInDoubt = false;
    this.#status.readAgain(stored);
    if (bases === null) return;
    this.#lineUp.roundOver();
    this.#lineUp.carry(restoredBases(bases, clock));
  }

  /** Whether no further round is wanted. */
  get #isComplete(): boolean {
    const { round, config } = this.stored;
    const accuracy = this.evaluation?.['accuracy'] ?? 0;
    return round >= config.rounds || (config.targetAccuracy !== undefined && accuracy >= config.targetAccuracy);
  }

  /** Begins the next attempt if the run is at work, none is in progress, and enough clients are ready. */
  #begin(): void {
    const { state, nextRound, isTakenUp, isOver } = this.#status;
    const atWork = state === 'waiting' || state === 'running';
    if (!atWork || this.attempt !== null || this.#retries.isDelayed || this.#closed) return;
    if (!isTakenUp || isOver || this.#isComplete) return;
    const left = this.#lineUp.takeLeft();
    if (left !== null) return this.#open(left);
    const next = this.#lineUp.next(this.stored, nextRound, this.#model.strategy, this.#population.ready());
    if (next === null) {
      if (state === 'running') this.#status.set('waiting').catch((error: unknown) => this.trouble(error));
      return;
    }
    this.#open(next);
    this.#idle.allWait();
  }

  #open(opening: Opening): void {
    try {
      this.#attempts.begin(opening);
    } catch (thrown) {
      this.trouble(thrown);
    }
  }

  /** After a round, or at the start: finish, pause, stop, or go on. */
  async #next(): Promise<void> {
    const { state } = this.#status;
    if (state === 'stopping') return this.#finish('stopped');
    if (this.#isComplete) return this.#finish('finished');
    if (state === 'pausing') await this.#status.set('paused');
    this.#begin();
    if (this.attempt === null) this.#idle.allWait();
  }

  async #finish(state: 'finished' | 'stopped'): Promise<void> {
    if (this.#status.isOver) return;
    await this.#status.set(state);
    this.#idle.sayFarewell();
  }

  #sayResumed(left: { readonly round: number; readonly attempt: number } | null): void {
    const { id, round } = this.stored;
    this.#resumedAt = round;
    const where = left === null ? '' : `, in round ${left.round} (attempt ${left.attempt})`;
    this.#tell('run', `Resumed ${id} after round ${round}${where}.`, { resumedAt: round });
  }
}
