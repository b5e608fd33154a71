import { asFederatedError, FederatedError, type ErrorCode } from '../shared/errors.ts';
import type { ClientId } from '../shared/ids.ts';
import type { Added, Aggregation, ClosedReports } from './aggregation.ts';
import { AttemptClocks } from './attempt-clocks.ts';
import type { AttemptPlan, Ledger, MessageWhere } from './attempt-plan.ts';
import { AttemptVoice } from './attempt-voice.ts';
import { AttemptWatch } from './attempt-watch.ts';
import type { Host, Population } from './host.ts';
import type { ServerEvent } from './operations.ts';
import { checkReport } from './report-check.ts';
import {
  askedOf,
  hasGiven,
  isPending,
  newRound,
  step,
  type DeadlineName,
  type RoundEffect,
  type RoundEvent,
  type RoundState,
} from './round.ts';
import { SecureAnswers } from './secure-answers.ts';
import type { SecurePlans } from './secure-plans.ts';
import { SecureSide, type SecureMessage } from './secure-side.ts';
import { updateShapeOf } from './update-shape.ts';
import { Uploads, type Report, type Upload } from './uploads.ts';

/** What the run does for its attempt. A rejected promise is trouble for the whole run. */
export interface AttemptOwner {
  /** Makes the cohort durable. */
  save(cohort: readonly ClientId[], wanted: number): Promise<void>;
  /** Turns the reports into a durable model and round. */
  commit(attempt: Attempt, reports: ClosedReports): Promise<void>;
  evaluate(): Promise<void>;
  /** Logs that the attempt came to nothing. */
  abandon(attempt: Attempt): Promise<void>;
  /** The attempt is over and everything about it is stored. */
  over(attempt: Attempt): Promise<void>;
  trouble(thrown: unknown): void;
  /** A client has spoiled the attempt: the next goes without it. */
  spoiled(id: ClientId): void;
  changed(): void;
  event(type: ServerEvent['type'], message: string, data: object): void;
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
  readonly #uploads: Uploads;
  readonly #counted = new Map<ClientId, { readonly examples: number | null; readonly upload: Uint8Array }>();
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
    const voice = new AttemptVoice(plan, host, population, (...event) => owner.event(...event));
    this.#voice = voice;
    const isSecure = aggregation instanceof SecureSide;
    const dispatch = (event: RoundEvent): void => this.#dispatch(event);
    const spoiled = (id: ClientId): void => owner.spoiled(id);
    const around = { voice, onStep: host.onStep, state: () => this.#state, dispatch, spoiled };
    this.#answers = isSecure ? new SecureAnswers(aggregation, around) : null;
    this.#plans = isSecure ? aggregation.plans.texts : null;
    this.startedAt = host.clock.now();
    this.watch = new AttemptWatch(() => host.clock.now());
    this.watch.phase('selecting');
    this.#clocks = new AttemptClocks(host.clock);
    this.#uploads = new Uploads(
      {
        now: () => this.#host.clock.now(),
        send: (client, report, offset) => {
          this.#host.onStep?.('upload-begun');
          voice.send(client, { type: 'send', ...voice.where, upload: report.upload, offset });
        },
        ack: (client, report, offset) =>
          voice.send(client, { type: 'ack', ...voice.where, upload: report.upload, offset }),
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

  begin(cohort: readonly ClientId[], wanted: number, minReports: number): void {
    this.#dispatch({ type: 'selected', cohort, wanted, minReports, secure: this.#answers !== null });
  }

  clientReady(id: ClientId): void {
    this.#clocks.endGrace(id);
    this.#dispatch({ type: 'back', from: id });
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
    if (!this.#voice.isCurrent(message) || !this.isMember(id)) return;
    this.watch.reached(id, 'modelAt');
    this.#dispatch({ type: 'downloaded', from: id });
  }

  failed(id: ClientId, message: MessageWhere & { readonly code: ErrorCode; readonly message: string }): void {
    if (!this.#voice.isCurrent(message) || !this.isMember(id)) return;
    this.#voice.failed(id, message.code, message.message);
    this.#uploads.drop(id);
    this.#dispatch({ type: 'failed', from: id });
  }

  /** A client offers its update. */
  report(id: ClientId, report: Report): void {
    const { run, round, attempt, config, strategy, length } = this.plan;
    const verdict = checkReport(report, {
      run,
      round,
      attempt,
      encoding: this.#aggregation.encoding,
      bytes: this.#aggregation.bytes,
      maxExamples: config.maxExamples,
      named: updateShapeOf(strategy, length).named,
      open: askedOf(this.#state) === 'report',
      member: this.#state.members.get(id)?.state,
      counted: this.#counted.get(id)?.upload,
    });
    if (verdict === 'accept') {
      this.watch.reached(id, 'offeredAt');
      this.#uploads.begin(id, report);
    } else if (verdict === 'known') this.#voice.send(id, { type: 'received', ...this.#voice.where });
    else this.#refuse(id, report, verdict);
  }

  /** A client's answer in a step of secure aggregation. What it has given already is passed over. */
  answer(id: ClientId, message: SecureMessage): void {
    const member = this.#state.members.get(id);
    if (member !== undefined && this.#voice.isCurrent(message) && hasGiven(this.#state, member, message.type)) return;
    try {
      if (this.#answers === null) {
        throw new FederatedError('SECAGG_STEP', `${message.type}: this run is without secure aggregation`);
      }
      this.#answers.take(id, message);
    } catch (thrown) {
      this.#voice.refused(id, message, asFederatedError(thrown), 'An answer');
      if (this.#voice.isCurrent(message)) this.#dispatch({ type: 'refused', from: id });
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
        this.watch.reached(effect.to, 'sentAt');
        return this.#voice.train(
          effect.to,
          this.startedAt + this.plan.config.roundTimeout - this.#host.clock.now(),
          this.#plans,
        );
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
        return this.#voice.send(effect.to, { type: 'received', ...this.#voice.where });
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
    await this.#owner.save([...this.#state.members.keys()], this.#state.wanted);
    this.#host.onStep?.('attempt-saved');
    this.#dispatch({ type: 'saved', present: new Set(this.#population.ready()) });
  }

  /** The first deadlines count from the beginning of the attempt, those of later answers from when they are asked for. */
  #arm(deadline: DeadlineName): void {
    const { sendTimeout, roundTimeout, stepTimeout } = this.plan.config;
    const isFirst = deadline === 'sending' || deadline === this.#state.answers[0];
    const from = isFirst ? this.startedAt : this.#host.clock.now();
    const length =
      deadline === 'sending'
        ? Math.min(sendTimeout, roundTimeout)
        : isFirst || deadline === 'report'
          ? roundTimeout
          : stepTimeout;
    this.#clocks.arm(from + length, () => this.#dispatch({ type: 'deadline', of: deadline }));
  }

  #grace(id: ClientId): void {
    this.#clocks.grace(id, this.#host.limits.rejoinGrace, () => {
      this.#uploads.drop(id);
      this.#dispatch({ type: 'grace-over', from: id });
    });
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
      added = this.#aggregation.add(upload);
    } catch (thrown) {
      this.#uploads.release(upload);
      this.#refuse(client, report, asFederatedError(thrown));
      return;
    }
    const { done, examples, seen } = added;
    this.#counted.set(client, { examples, upload: report.upload });
    this.watch.counted(client, examples, report.backend ?? '', seen);
    this.#attemptTo(async () => {
      if (done !== null) await done;
      this.#uploads.release(upload);
      this.#voice.received(client);
    });
    this.#voice.counted(client, report, seen);
    this.#dispatch({ type: 'answered', from: client, kind: 'report' });
  }

  #refuse(client: ClientId, report: Report, error: FederatedError): void {
    this.#host.metrics.report('refused');
    this.#voice.refused(client, report, error, 'A report');
    const isLast = this.#voice.isCurrent(report) && contentFaults.includes(error.code);
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
    await this.#owner.abandon(this);
    const reason = this.#state.reason.slice(0, 256);
    for (const id of this.#state.members.keys()) {
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
