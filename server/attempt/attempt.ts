import { asFederatedError, FederatedError, type ErrorCode } from '../../shared/errors.ts';
import type { ClientId } from '../../shared/ids.ts';
import type { Aggregation, ClosedReports } from '../aggregation/aggregation.ts';
import type { SecurePlans } from '../aggregation/secure-plans.ts';
import { SecureSide, type SecureMessage } from '../aggregation/secure-side.ts';
import type { Tell } from '../event-log.ts';
import type { Host, Population } from '../host.ts';
import type { Bases } from '../open-cohort.ts';
import {
  hasGiven,
  isAtWork,
  isOpen,
  newRound,
  step,
  type DeadlineName,
  type RoundEffect,
  type RoundEvent,
  type RoundState,
} from '../round.ts';
import { bufferOf } from '../strategies/table.ts';
import type { Report } from '../uploads/uploads.ts';
import { AttemptClocks } from './clocks.ts';
import type { AttemptPlan, Ledger, MessageWhere } from './plan.ts';
import { Reports } from './reports.ts';
import { SecureAnswers } from './secure-answers.ts';
import { Turns } from './turns.ts';
import { AttemptVoice } from './voice.ts';
import { AttemptWatch } from './watch.ts';

/** What the run does for its attempt. A rejected promise is trouble for the whole run. */
export interface AttemptOwner {
  /** Makes the cohort durable. */
  save(cohort: readonly ClientId[], wanted: number, bases: Bases): Promise<void>;
  /** Clients that could join the attempt: able to train, and not in it. */
  others(attempt: Attempt): readonly ClientId[];
  /** Turns the reports into a durable model and round. */
  commit(attempt: Attempt, reports: ClosedReports): Promise<void>;
  evaluate(): Promise<void>;
  /** Logs that the attempt came to nothing. @returns who brings to the next what it has begun or given */
  abandon(attempt: Attempt): Promise<Bases>;
  /** The attempt is over and everything about it is stored. */
  over(attempt: Attempt): Promise<void>;
  trouble(thrown: unknown): void;
  /** A client has spoiled the attempt: the next goes without it. */
  spoiled(id: ClientId): void;
  changed(): void;
  readonly event: Tell;
}

/**
 * One attempt at one round: feeds `round.ts` with what happens and carries out its effects, with the reports, the answers, the
 * turns and the clocks of this attempt.
 */
export class Attempt {
  readonly plan: AttemptPlan;
  /** ms since 1970 */
  readonly startedAt: number;
  /** The same moment on the steady clock. */
  readonly #startedAt: number;
  /** What an operator may see of each client. */
  readonly watch: AttemptWatch;
  readonly #host: Host;
  readonly #population: Population;
  readonly #owner: AttemptOwner;
  readonly #aggregation: Aggregation;
  readonly #voice: AttemptVoice;
  /** Of secure aggregation, else null. */
  readonly #answers: SecureAnswers | null;
  readonly #plans: SecurePlans['texts'] | null;
  /** Of an asynchronous run, else null. */
  readonly #turns: Turns | null;
  readonly #reports: Reports;
  readonly #clocks: AttemptClocks;
  #state: RoundState = newRound;
  #closed = false;

  constructor(options: {
    readonly plan: AttemptPlan;
    readonly host: Host;
    readonly population: Population;
    readonly owner: AttemptOwner;
    readonly aggregation: Aggregation;
    /** Memory of uploads past, for those to come. */
    readonly pool: Uint8Array[];
  }) {
    const { plan, host, population, owner, aggregation } = options;
    this.plan = plan;
    this.#host = host;
    this.#population = population;
    this.#owner = owner;
    this.#aggregation = aggregation;
    this.startedAt = host.clock.now();
    this.#startedAt = host.clock.steady();
    this.#clocks = new AttemptClocks(host.clock);
    this.watch = new AttemptWatch(() => host.clock.now());
    this.watch.phase('selecting');
    const voice = new AttemptVoice(plan, host, population, owner.event);
    const state = (): RoundState => this.#state;
    const dispatch = (event: RoundEvent): void => this.#dispatch(event);
    const isSecure = aggregation instanceof SecureSide;
    const spoiled = (id: ClientId): void => owner.spoiled(id);
    const around = { voice, onStep: host.onStep, state, dispatch, spoiled };
    this.#answers = isSecure ? new SecureAnswers(aggregation, around) : null;
    this.#plans = isSecure ? aggregation.plans.texts : null;
    const buffer = bufferOf(plan.strategy);
    const turns = buffer === undefined ? null : new Turns(plan, buffer, this.#startedAt);
    const attemptTo = (action: () => Promise<void>): void => this.#attemptTo(action);
    const { watch } = this;
    this.#voice = voice;
    this.#turns = turns;
    this.#reports = new Reports({ ...options, voice, watch, turns, state, dispatch, attemptTo });
  }

  get state(): RoundState {
    return this.#state;
  }

  get ledger(): Ledger {
    return this.#reports.ledger;
  }

  /** Bytes of updates that came in. */
  get bytesUp(): number {
    return this.#reports.bytes;
  }

  /** End of the present phase, ms since 1970, or null. */
  get deadline(): number | null {
    return this.#clocks.deadline;
  }

  isMember(id: ClientId): boolean {
    return this.#state.members.has(id);
  }

  isUploading(id: ClientId): boolean {
    return this.#reports.isUploading(id);
  }

  waitsToUpload(id: ClientId): boolean {
    return this.#reports.waitsToUpload(id);
  }

  /** Of an asynchronous run whose reports are in: who goes on with its training in the next round, and who is too far behind. */
  get leftAtWork(): { readonly carried: Bases; readonly stale: readonly ClientId[] } {
    return this.#turns?.leftAtWork(this.#state) ?? { carried: new Map(), stale: [] };
  }

  /** Of an asynchronous run, when the attempt comes to nothing: who brings to the next what it has begun or given. */
  get broughtAgain(): Bases {
    const isThere = (id: ClientId): boolean => this.#population.isReady(id);
    return this.#turns?.broughtAgain(this.#state, isThere, this.#host.clock.steady()) ?? new Map();
  }

  /** A client is at work on a model that is too old for the next round: it need not go on. */
  tooStale(id: ClientId): void {
    const where = this.#voice.whereOf(id);
    const message = this.#turns?.tooStale(where.round) ?? '';
    this.#voice.refused(id, where, new FederatedError('STALE_ROUND', message), 'A report');
  }

  begin(cohort: readonly ClientId[], wanted: number, minReports: number): void {
    const isOpenCohort = this.#turns !== null;
    this.#dispatch({ type: 'selected', cohort, wanted, minReports, secure: this.#answers !== null, isOpenCohort });
  }

  clientReady(id: ClientId): void {
    this.#clocks.endGrace(id);
    this.#dispatch({ type: 'back', from: id });
    if (!this.isMember(id)) this.#invite();
  }

  /** The client's socket closed, or it is not able to train for now. */
  clientAway(id: ClientId): void {
    this.#dispatch({ type: 'away', from: id });
  }

  clientLeft(id: ClientId): void {
    this.#reports.drop(id);
    this.#dispatch({ type: 'left', from: id });
  }

  downloaded(id: ClientId, message: MessageWhere): void {
    if (!this.#voice.isCurrent(id, message) || !this.isMember(id)) return;
    this.watch.reached(id, 'modelAt');
    this.#dispatch({ type: 'downloaded', from: id });
  }

  failed(id: ClientId, message: MessageWhere & { readonly code: ErrorCode; readonly message: string }): void {
    if (!this.#voice.isCurrent(id, message) || !this.isMember(id)) return;
    this.#voice.failed(id, message.code, message.message);
    this.#reports.drop(id);
    this.#dispatch({ type: 'failed', from: id });
  }

  /** A client offers its update. */
  report(id: ClientId, report: Report): void {
    this.#reports.offer(id, report);
  }

  /** A client's answer in a step of secure aggregation. What it has given already is passed over. */
  answer(id: ClientId, message: SecureMessage): void {
    const member = this.#state.members.get(id);
    if (member !== undefined && this.#voice.isCurrent(id, message) && hasGiven(this.#state, member, message.type))
      return;
    try {
      if (this.#answers === null) {
        throw new FederatedError('SECAGG_STEP', `${message.type}: this run is without secure aggregation`);
      }
      this.#answers.take(id, message);
    } catch (thrown) {
      this.#voice.refused(id, message, asFederatedError(thrown), 'An answer');
      if (this.#voice.isCurrent(id, message)) this.#dispatch({ type: 'refused', from: id });
      return;
    }
    this.#dispatch({ type: 'answered', from: id, kind: message.type });
  }

  /** @returns false when the chunk belongs to no upload that is wanted */
  chunk(id: ClientId, tag: number, offset: number, payload: Uint8Array): boolean {
    return this.#reports.chunk(id, tag, offset, payload);
  }

  /** The operator gives the attempt up, if its reports are not in yet. */
  abort(reason: string): void {
    this.#dispatch({ type: 'abort', reason });
  }

  tick(): void {
    this.#reports.tick();
  }

  /** Ends all clocks; what is in memory is dropped. */
  close(): void {
    this.#closed = true;
    this.#voice.silence();
    this.#endWaiting();
    this.#aggregation.abandon().catch(() => {}); // whoever was adding has heard of it
  }

  #dispatch(event: RoundEvent): void {
    if (this.#closed) return;
    const before = this.#state.phase;
    const [state, effects] = step(this.#state, event);
    this.#state = state;
    if (state.phase !== before && state.phase !== 'over') {
      this.watch.phase(state.phase);
      this.#voice.phase(state.phase);
    }
    for (const effect of effects) this.#perform(effect);
    if (effects.length > 0 || state.phase !== before) this.#owner.changed();
  }

  #perform(effect: RoundEffect): void {
    switch (effect.do) {
      case 'save':
        return this.#attemptTo(() => this.#save());
      case 'train':
        return this.#train(effect.to);
      case 'invite':
        return this.#invite();
      case 'arm':
        return this.#arm(effect.deadline);
      case 'ask':
        return this.#answers?.ask(effect.kind);
      case 'ask-again':
        return this.#answers?.askOne(effect.to, effect.kind);
      case 'grace':
        return this.#grace(effect.of);
      case 'unmask':
        return this.#attemptTo(() => this.#unmask());
      case 'confirm':
        return this.#voice.send(effect.to, { type: 'received', ...this.#voice.whereOf(effect.to) });
      case 'aggregate':
        return this.#attemptTo(() => this.#aggregate());
      case 'evaluate':
        return this.#attemptTo(async () => {
          await this.#owner.evaluate();
          this.#dispatch({ type: 'evaluated' });
        });
      case 'abandon':
        return this.#attemptTo(() => this.#abandon());
      case 'end':
        // An abandoned attempt is over when that is stored; see #abandon.
        if (this.#state.result === 'abandoned') return;
        return this.#attemptTo(() => this.#owner.over(this));
      default:
        effect satisfies never;
    }
  }

  async #save(): Promise<void> {
    await this.#owner.save([...this.#state.members.keys()], this.#state.wanted, this.plan.bases);
    this.#host.onStep?.('attempt-saved');
    this.#dispatch({ type: 'saved', present: new Set(this.#population.ready()) });
  }

  #train(to: ClientId): void {
    this.watch.reached(to, 'sentAt');
    const now = this.#host.clock.steady();
    const since = this.#turns?.begin(to, now) ?? this.#startedAt;
    const end = since + this.plan.config.roundTimeout;
    if (this.#turns !== null) this.#clocks.turn(to, end, () => this.#overdue(to));
    this.#voice.train(to, end - now, this.#plans);
  }

  #overdue(id: ClientId): void {
    this.#reports.drop(id);
    this.#dispatch({ type: 'overdue', from: id });
  }

  /** Lets others join an open cohort as far as there are places. */
  #invite(): void {
    if (this.#turns === null || this.#closed || !isOpen(this.#state)) return;
    const others = this.#owner.others(this);
    if (others.length === 0) return this.#dispatch({ type: 'deserted' });
    const cohort = this.#turns.joining(this.#state, others);
    if (cohort.length > 0) this.#dispatch({ type: 'joined', cohort });
  }

  /** The first deadlines count from the beginning of the attempt, those of later answers from when they are asked for. */
  #arm(deadline: DeadlineName): void {
    const { sendTimeout, roundTimeout, stepTimeout } = this.plan.config;
    const isFirst = deadline === 'sending' || deadline === this.#state.answers[0];
    const from = isFirst ? this.#startedAt : this.#host.clock.steady();
    const length =
      deadline === 'sending'
        ? Math.min(sendTimeout, roundTimeout)
        : isFirst || deadline === 'report'
          ? roundTimeout
          : stepTimeout;
    this.#clocks.arm(from + length, () => this.#dispatch({ type: 'deadline', of: deadline }));
  }

  #grace(id: ClientId): void {
    const { rejoinGrace } = this.#host.limits;
    const over = (): void => {
      this.#reports.drop(id);
      this.#dispatch({ type: 'grace-over', from: id });
    };
    if (rejoinGrace === 0) over();
    else this.#clocks.grace(id, rejoinGrace, over);
  }

  async #unmask(): Promise<void> {
    this.#endWaiting();
    await this.#answers?.unmask();
  }

  #endWaiting(): void {
    this.#clocks.clear();
    this.#reports.end();
  }

  async #aggregate(): Promise<void> {
    this.#endWaiting();
    await this.#owner.commit(this, await this.#aggregation.close());
    this.#dispatch({ type: 'aggregated' });
  }

  async #abandon(): Promise<void> {
    this.#endWaiting();
    await this.#aggregation.abandon();
    const again = await this.#owner.abandon(this);
    const reason = this.#state.reason.slice(0, 256);
    for (const [id, member] of this.#state.members) {
      if (again.has(id) && isAtWork(this.#state, member)) continue; // it goes on
      this.#voice.send(id, { type: 'abandoned', ...this.#voice.where, reason });
    }
    await this.#owner.over(this);
  }

  /** Runs a part of the round that waits for disk or worker. */
  #attemptTo(action: () => Promise<void>): void {
    action().catch((error: unknown) => {
      if (!this.#closed) this.#owner.trouble(error);
    });
  }
}
