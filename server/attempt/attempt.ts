import { asFederatedError, FederatedError, type ErrorCode } from '../../shared/errors.ts';
import type { ClientId } from '../../shared/ids.ts';
import type { Added, Aggregation, ClosedReports } from '../aggregation/aggregation.ts';
import type { SecurePlans } from '../aggregation/secure-plans.ts';
import { SecureSide, type SecureMessage } from '../aggregation/secure-side.ts';
import { updateShapeOf } from '../aggregation/update-shape.ts';
import type { Tell } from '../event-log.ts';
import type { Host, Population } from '../host.ts';
import { bringAgain, carryOn, joining, stalenessOf } from '../open-cohort.ts';
import {
  askedOf,
  hasGiven,
  isAtWork,
  isOpen,
  isPending,
  newRound,
  step,
  type DeadlineName,
  type RoundEffect,
  type RoundEvent,
  type RoundState,
} from '../round.ts';
import type { Buffer } from '../strategies/strategy.ts';
import { bufferOf } from '../strategies/table.ts';
import { checkReport } from '../uploads/report-check.ts';
import { Uploads, type Report, type Upload } from '../uploads/uploads.ts';
import { AttemptClocks } from './clocks.ts';
import type { AttemptPlan, Base, Bases, Ledger, MessageWhere } from './plan.ts';
import { SecureAnswers } from './secure-answers.ts';
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

/** Refusals that are the report's own fault: its client is out of this attempt. */
const contentFaults: readonly ErrorCode[] = [
  'WRONG_SHAPE',
  'BAD_EXAMPLES',
  'NOT_FINITE',
  'NORM_TOO_LARGE',
  'BAD_OFFSET',
  'TOO_SLOW',
];

/**
 * One attempt at one round: feeds `round.ts` with what happens and carries out its effects, with the uploads, the sums and
 * the clocks of this attempt.
 */
export class Attempt {
  readonly plan: AttemptPlan;
  /** ms since 1970 */
  readonly startedAt: number;
  /** The same moment on the steady clock. */
  readonly #startedAt: number;
  /** Bytes of updates that came in. */
  bytesUp = 0;
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
  /** Of an asynchronous run, else undefined. */
  readonly #buffer: Buffer | undefined;
  readonly #uploads: Uploads;
  readonly #counted = new Map<
    ClientId,
    { readonly examples: number | null; readonly upload: Uint8Array; readonly basedOn?: number }
  >();
  /** When clients of an asynchronous run that began in this attempt were told to, ms of the steady clock. */
  readonly #begun = new Map<ClientId, number>();
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
    const voice = new AttemptVoice(plan, host, population, owner.event);
    this.#voice = voice;
    const isSecure = aggregation instanceof SecureSide;
    const dispatch = (event: RoundEvent): void => this.#dispatch(event);
    const spoiled = (id: ClientId): void => owner.spoiled(id);
    const around = { voice, onStep: host.onStep, state: () => this.#state, dispatch, spoiled };
    this.#answers = isSecure ? new SecureAnswers(aggregation, around) : null;
    this.#plans = isSecure ? aggregation.plans.texts : null;
    this.#buffer = bufferOf(plan.strategy);
    this.startedAt = host.clock.now();
    this.#startedAt = host.clock.steady();
    this.watch = new AttemptWatch(() => host.clock.now());
    this.watch.phase('selecting');
    this.#clocks = new AttemptClocks(host.clock);
    this.#uploads = new Uploads(
      {
        now: () => this.#host.clock.steady(),
        send: (client, report, offset) => {
          this.#host.onStep?.('upload-begun');
          voice.send(client, { type: 'send', ...voice.whereOf(client), upload: report.upload, offset });
        },
        ack: (client, report, offset) =>
          voice.send(client, { type: 'ack', ...voice.whereOf(client), upload: report.upload, offset }),
        whole: (upload) => this.#count(upload),
        refused: (client, report, error) => this.#refuse(client, report, error),
      },
      {
        bytes: aggregation.bytes,
        newCheck: () => aggregation.newCheck(),
        limits: host.limits,
        pool: options.pool,
      },
    );
  }

  get state(): RoundState {
    return this.#state;
  }

  get ledger(): Ledger {
    return this.#counted;
  }

  /** End of the present phase, ms since 1970, or null. */
  get deadline(): number | null {
    return this.#clocks.deadline;
  }

  isMember(id: ClientId): boolean {
    return this.#state.members.has(id);
  }

  isUploading(id: ClientId): boolean {
    return this.#uploads.isReceiving(id);
  }

  waitsToUpload(id: ClientId): boolean {
    return this.#uploads.isWaiting(id);
  }

  /** Of an asynchronous run whose reports are in: who goes on with its training in the next round, and who is too far behind. */
  get leftAtWork(): { readonly carried: Bases; readonly stale: readonly ClientId[] } {
    const { round, bases } = this.plan;
    if (this.#buffer === undefined) return { carried: new Map(), stale: [] };
    const next = { next: round + 1, maxStaleness: this.#buffer.maxStaleness };
    return carryOn(this.#state, bases, (id) => this.#ownBase(id), next);
  }

  /** Of an asynchronous run, when the attempt comes to nothing: who brings to the next what it has begun or given. */
  get broughtAgain(): Bases {
    if (this.#buffer === undefined) return new Map();
    const isThere = (id: ClientId): boolean => this.#population.isReady(id);
    const now = this.#host.clock.steady();
    return bringAgain(this.#state, this.plan.bases, (id) => this.#ownBase(id), isThere, now);
  }

  /** A client is at work on a model that is too old for the next round: it need not go on. */
  tooStale(id: ClientId): void {
    const { round } = this.plan;
    const { round: base } = this.#voice.whereOf(id);
    const most = this.#buffer?.maxStaleness ?? 0;
    const message = `report: round ${base} is over; its update would be ${round + 1 - base} rounds old, and at most ${most} are taken`;
    this.#voice.refused(id, this.#voice.whereOf(id), new FederatedError('STALE_ROUND', message), 'A report');
  }

  begin(cohort: readonly ClientId[], wanted: number, minReports: number): void {
    const isOpenCohort = this.#buffer !== undefined;
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
    this.#uploads.drop(id);
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
    this.#uploads.drop(id);
    this.#dispatch({ type: 'failed', from: id });
  }

  /** A client offers its update. */
  report(id: ClientId, report: Report): void {
    const { config, strategy, length } = this.plan;
    const member = this.#state.members.get(id);
    // Asked for once more when the next round begins.
    const isCarried = this.#buffer !== undefined && member !== undefined && isAtWork(this.#state, member);
    if (isCarried && !isOpen(this.#state)) return;
    const verdict = checkReport(report, {
      ...this.#voice.whereOf(id),
      encoding: this.#aggregation.encoding,
      bytes: this.#aggregation.bytes,
      maxExamples: config.maxExamples,
      named: updateShapeOf(strategy, length).named,
      open: askedOf(this.#state) === 'report',
      member: member?.state,
      counted: this.#counted.get(id)?.upload,
    });
    if (verdict === 'accept') {
      this.watch.reached(id, 'offeredAt');
      this.#uploads.begin(id, report);
    } else if (verdict === 'known') this.#voice.send(id, { type: 'received', ...this.#voice.whereOf(id) });
    else this.#refuse(id, report, verdict);
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
    const wanted = this.#uploads.chunk(id, tag, offset, payload);
    if (!wanted) return false;
    this.bytesUp += payload.length;
    this.watch.bytes(id, payload.length);
    return true;
  }

  /** The operator gives the attempt up, if its reports are not in yet. */
  abort(reason: string): void {
    this.#dispatch({ type: 'abort', reason });
  }

  tick(): void {
    this.#uploads.tick();
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
    let since = this.#startedAt;
    if (this.#buffer !== undefined) {
      if (!this.#begun.has(to)) this.#begun.set(to, now);
      since = this.plan.bases.get(to)?.since ?? this.#sinceOf(to);
    }
    const end = since + this.plan.config.roundTimeout;
    if (this.#buffer !== undefined) this.#clocks.turn(to, end, () => this.#overdue(to));
    this.#voice.train(to, end - now, this.#plans);
  }

  #sinceOf(id: ClientId): number {
    return this.#begun.get(id) ?? this.#startedAt;
  }

  #ownBase(id: ClientId): Base {
    const { round, attempt, weights } = this.plan;
    return { round, attempt, weights, since: this.#sinceOf(id) };
  }

  #overdue(id: ClientId): void {
    this.#uploads.drop(id);
    this.#dispatch({ type: 'overdue', from: id });
  }

  /** Lets others join an open cohort as far as there are places. */
  #invite(): void {
    if (this.#buffer === undefined || this.#closed || !isOpen(this.#state)) return;
    const others = this.#owner.others(this);
    if (others.length === 0) return this.#dispatch({ type: 'deserted' });
    const { plan } = this;
    const cohort = joining(plan.config, this.#buffer, plan, this.#state, others);
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
      this.#uploads.drop(id);
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
    this.#uploads.clear();
  }

  /** A whole, checked update: it counts from now on, whatever happens to its client. */
  #count(upload: Upload): void {
    const { client, report } = upload;
    if (!isPending(this.#state, client)) {
      this.#uploads.release(upload);
      const message = 'report: the round closed before the update was whole';
      this.#refuse(client, report, new FederatedError('ROUND_CLOSED', message));
      return;
    }
    let added: Added;
    try {
      added = this.#aggregation.add(upload, this.#buffer?.scale(this.#stalenessOf(client)));
    } catch (thrown) {
      this.#uploads.release(upload);
      this.#refuse(client, report, asFederatedError(thrown));
      return;
    }
    const { done, examples, seen } = added;
    const basedOn = this.#buffer === undefined ? {} : { basedOn: this.#voice.whereOf(client).round };
    this.#counted.set(client, { examples, upload: report.upload, ...basedOn });
    this.watch.counted(client, examples, report.backend ?? '', seen);
    this.#attemptTo(async () => {
      if (done !== null) await done;
      this.#uploads.release(upload);
      this.#voice.received(client);
    });
    this.#voice.counted(client, report, { ...seen, ...basedOn });
    this.#dispatch({ type: 'answered', from: client, kind: 'report' });
  }

  #stalenessOf(client: ClientId): number {
    return stalenessOf(this.plan.round, this.plan.bases.get(client));
  }

  #refuse(client: ClientId, report: Report, error: FederatedError): void {
    this.#host.metrics.report('refused');
    this.#voice.refused(client, report, error, 'A report');
    const isLast = this.#voice.isCurrent(client, report) && contentFaults.includes(error.code);
    if (isLast) this.#dispatch({ type: 'refused', from: client });
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
