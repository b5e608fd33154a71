import { fromHex } from '../shared/bytes.ts';
import { FederatedError, type ErrorCode } from '../shared/errors.ts';
import type { ClientId, RunId, Sha256 } from '../shared/ids.ts';
import type { ServerMessage } from '../shared/protocol/messages.ts';
import type { RunConfig } from './config.ts';
import type { Host, Population } from './host.ts';
import type { ServerEvent } from './operations.ts';
import { checkReport } from './report-check.ts';
import type { RoundSum } from './round-sum.ts';
import { isOpen, isPending, newRound, step, type RoundEffect, type RoundEvent, type RoundState } from './round.ts';
import { Uploads, type Report, type Upload } from './uploads.ts';

/** What an attempt is about. */
export interface AttemptPlan {
  readonly run: RunId;
  readonly round: number;
  readonly attempt: number;
  readonly config: RunConfig;
  readonly task: Sha256;
  readonly taskBytes: number;
  readonly weights: Sha256;
  /** d */
  readonly length: number;
}

/** The reports that are in the sum: whose, and with how many examples. */
export type Ledger = ReadonlyMap<ClientId, { readonly examples: number }>;

/** What the run does for its attempt. A rejected promise is trouble for the whole run. */
export interface AttemptOwner {
  /** Makes the cohort durable. */
  save(cohort: readonly ClientId[], wanted: number): Promise<void>;
  /** Turns the sums into a durable model and round. */
  commit(attempt: Attempt, sum: RoundSum): Promise<void>;
  evaluate(): Promise<void>;
  /** Logs that the attempt came to nothing. */
  abandon(attempt: Attempt): Promise<void>;
  /** The attempt is over and everything about it is stored. */
  over(attempt: Attempt): Promise<void>;
  trouble(thrown: unknown): void;
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
  readonly #host: Host;
  readonly #population: Population;
  readonly #owner: AttemptOwner;
  readonly #sum: RoundSum;
  readonly #uploads: Uploads;
  readonly #counted = new Map<ClientId, { readonly examples: number; readonly upload: Uint8Array }>();
  readonly #cancelGrace = new Map<ClientId, () => void>();
  #state: RoundState = newRound;
  #deadline: number | null = null;
  #cancelDeadline: () => void = () => {};
  #closed = false;

  constructor(options: {
    readonly plan: AttemptPlan;
    readonly host: Host;
    readonly population: Population;
    readonly owner: AttemptOwner;
    /** Empty, with room for this cohort. */
    readonly sum: RoundSum;
    /** Memory of uploads past, for those to come. */
    readonly pool: Float32Array[];
  }) {
    this.plan = options.plan;
    this.#host = options.host;
    this.#population = options.population;
    this.#owner = options.owner;
    this.#sum = options.sum;
    this.startedAt = options.host.clock.now();
    this.#uploads = new Uploads(
      {
        now: () => this.#host.clock.now(),
        send: (client, report, offset) => {
          this.#host.onStep?.('upload-begun');
          this.#send(client, { type: 'send', ...this.#where(), upload: report.upload, offset });
        },
        ack: (client, report, offset) =>
          this.#send(client, { type: 'ack', ...this.#where(), upload: report.upload, offset }),
        whole: (upload) => this.#count(upload),
        refused: (client, report, error) => this.#refuse(client, report, error),
      },
      {
        length: options.plan.length,
        maxNorm: options.plan.config.maxUpdateNorm,
        limits: options.host.limits,
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
    return this.#deadline;
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
    this.#dispatch({ type: 'selected', cohort, wanted, minReports });
  }

  clientReady(id: ClientId): void {
    this.#cancelGrace.get(id)?.();
    this.#cancelGrace.delete(id);
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

  downloaded(id: ClientId, message: { readonly run: string; readonly round: number; readonly attempt: number }): void {
    if (this.#isCurrent(message)) this.#dispatch({ type: 'downloaded', from: id });
  }

  failed(
    id: ClientId,
    message: { run: string; round: number; attempt: number; code: ErrorCode; message: string },
  ): void {
    if (!this.#isCurrent(message) || !isPending(this.#state, id)) return;
    const text = `Client ${id.slice(0, 8)} could not train: ${message.message}`;
    this.#owner.event('client', text, { client: id, code: message.code });
    this.#uploads.drop(id);
    this.#dispatch({ type: 'failed', from: id });
  }

  /** A client offers its update. */
  report(id: ClientId, report: Report): void {
    const { run, round, attempt, length, config } = this.plan;
    const verdict = checkReport(report, {
      run,
      round,
      attempt,
      length,
      maxExamples: config.maxExamples,
      open: isOpen(this.#state),
      member: this.#state.members.get(id),
      counted: this.#counted.get(id)?.upload,
    });
    if (verdict === 'accept') this.#uploads.begin(id, report);
    else if (verdict === 'known') this.#send(id, { type: 'received', ...this.#where() });
    else this.#refuse(id, report, verdict);
  }

  /** @returns false when the chunk belongs to no upload that is wanted */
  chunk(id: ClientId, tag: number, offset: number, payload: Uint8Array): boolean {
    const wanted = this.#uploads.chunk(id, tag, offset, payload);
    if (wanted) this.bytesUp += payload.length;
    return wanted;
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
    this.#endWaiting();
  }

  #dispatch(event: RoundEvent): void {
    if (this.#closed) return;
    const before = this.#state.phase;
    const [state, effects] = step(this.#state, event);
    this.#state = state;
    if (state.phase !== before && state.phase !== 'over') {
      const { round } = this.plan;
      this.#owner.event('phase', `Round ${round}: ${state.phase}.`, { round, phase: state.phase });
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
      case 'arm':
        return this.#arm(effect.phase);
      case 'grace':
        return this.#grace(effect.of);
      case 'confirm':
        return this.#send(effect.to, { type: 'received', ...this.#where() });
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

  #train(to: ClientId): void {
    const { task, taskBytes, weights, length, config } = this.plan;
    this.#send(to, {
      type: 'train',
      ...this.#where(),
      task: fromHex(task),
      weights: fromHex(weights),
      taskBytes,
      weightsBytes: 4 * length,
      deadline: Math.max(0, this.startedAt + config.roundTimeout - this.#host.clock.now()),
    });
    this.#host.onStep?.('train-sent');
  }

  /** Both deadlines count from the beginning of the attempt. */
  #arm(phase: 'sending' | 'training'): void {
    const { sendTimeout, roundTimeout } = this.plan.config;
    this.#cancelDeadline();
    this.#deadline = this.startedAt + (phase === 'sending' ? Math.min(sendTimeout, roundTimeout) : roundTimeout);
    const left = Math.max(0, this.#deadline - this.#host.clock.now());
    this.#cancelDeadline = this.#host.clock.after(left, () => this.#dispatch({ type: 'deadline', phase }));
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

  #endWaiting(): void {
    this.#cancelDeadline();
    this.#deadline = null;
    for (const cancel of this.#cancelGrace.values()) cancel();
    this.#cancelGrace.clear();
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
    this.#counted.set(client, { examples: report.examples, upload: report.upload });
    const added = this.#sum.add({ values: upload.values, examples: report.examples, metrics: report.metrics });
    this.#attemptTo(async () => {
      await added;
      this.#uploads.release(upload);
      this.#host.onStep?.('report-received');
      this.#send(client, { type: 'received', ...this.#where() });
    });
    this.#host.metrics.report('counted');
    this.#host.metrics.updateNorm(upload.norm);
    const { examples, metrics, backend } = report;
    const data = { client, round: this.plan.round, examples, norm: upload.norm, metrics, backend };
    this.#owner.event('report', `Client ${client.slice(0, 8)} reported (${examples} examples).`, data);
    this.#dispatch({ type: 'reported', from: client });
  }

  #refuse(client: ClientId, report: Report, error: FederatedError): void {
    const { code, message } = error;
    this.#host.metrics.refused(code);
    this.#host.metrics.report('refused');
    this.#host.log.warn({ client, code }, message);
    const text = `A report of client ${client.slice(0, 8)} was refused: ${message}`;
    this.#owner.event('refused', text, { client, code });
    const { run, round, attempt } = report;
    this.#send(client, { type: 'refused', run, round, attempt, code, message: message.slice(0, 512) });
    if (this.#isCurrent(report) && contentFaults.includes(code)) this.#dispatch({ type: 'refused', from: client });
  }

  async #aggregate(): Promise<void> {
    this.#endWaiting();
    await this.#sum.settled();
    await this.#owner.commit(this, this.#sum);
    this.#dispatch({ type: 'aggregated' });
  }

  async #abandon(): Promise<void> {
    this.#endWaiting();
    await this.#sum.settled();
    await this.#owner.abandon(this);
    const reason = this.#state.reason.slice(0, 256);
    for (const id of this.#state.members.keys()) this.#send(id, { type: 'abandoned', ...this.#where(), reason });
    await this.#owner.over(this);
  }

  /** Runs a part of the round that waits for disk or worker. */
  #attemptTo(action: () => Promise<void>): void {
    action().catch((error: unknown) => {
      if (!this.#closed) this.#owner.trouble(error);
    });
  }

  #where(): { run: string; round: number; attempt: number } {
    const { run, round, attempt } = this.plan;
    return { run, round, attempt };
  }

  #isCurrent(message: { readonly run: string; readonly round: number; readonly attempt: number }): boolean {
    const { run, round, attempt } = this.plan;
    return message.run === run && message.round === round && message.attempt === attempt;
  }

  #send(id: ClientId, message: ServerMessage): void {
    if (!this.#closed) this.#population.send(id, message);
  }
}
