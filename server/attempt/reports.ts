import { asFederatedError, FederatedError, type ErrorCode } from '../../shared/errors.ts';
import type { ClientId } from '../../shared/ids.ts';
import type { Added, Aggregation } from '../aggregation/aggregation.ts';
import { updateShapeOf } from '../aggregation/update-shape.ts';
import type { Host } from '../host.ts';
import { askedOf, isAtWork, isOpen, isPending, type RoundEvent, type RoundState } from '../round.ts';
import { checkReport } from '../uploads/report-check.ts';
import { Uploads, type Report, type Upload } from '../uploads/uploads.ts';
import type { AttemptPlan, Ledger } from './plan.ts';
import type { Turns } from './turns.ts';
import type { AttemptVoice } from './voice.ts';
import type { AttemptWatch } from './watch.ts';

/** Refusals that are the report's own fault: its client is out of this attempt. */
const contentFaults: readonly ErrorCode[] = [
  'WRONG_SHAPE',
  'BAD_EXAMPLES',
  'NOT_FINITE',
  'NORM_TOO_LARGE',
  'BAD_OFFSET',
  'TOO_SLOW',
];

export interface ReportsOptions {
  readonly plan: AttemptPlan;
  readonly host: Host;
  readonly aggregation: Aggregation;
  /** Memory of uploads past, for those to come. */
  readonly pool: Uint8Array[];
  readonly voice: AttemptVoice;
  readonly watch: AttemptWatch;
  /** Of an asynchronous run, else null. */
  readonly turns: Turns | null;
  readonly state: () => RoundState;
  readonly dispatch: (event: RoundEvent) => void;
  /** Awaits what takes time; that it fails is trouble for the whole run. */
  readonly attemptTo: (action: () => Promise<void>) => void;
}

/** The reports of an attempt: which are taken, on their way in, in the sum and in the ledger. */
export class Reports {
  readonly #options: ReportsOptions;
  readonly #uploads: Uploads;
  readonly #counted = new Map<
    ClientId,
    { readonly examples: number | null; readonly upload: Uint8Array; readonly basedOn?: number }
  >();
  #bytes = 0;

  constructor(options: ReportsOptions) {
    const { host, aggregation, pool, voice } = options;
    this.#options = options;
    this.#uploads = new Uploads(
      {
        now: () => host.clock.steady(),
        send: (client, { upload }, offset) => {
          host.onStep?.('upload-begun');
          voice.send(client, { type: 'send', ...voice.whereOf(client), upload, offset });
        },
        ack: (client, { upload }, offset) =>
          voice.send(client, { type: 'ack', ...voice.whereOf(client), upload, offset }),
        whole: (upload) => this.#count(upload),
        refused: (client, report, error) => this.#refuse(client, report, error),
      },
      { bytes: aggregation.bytes, newCheck: () => aggregation.newCheck(), limits: host.limits, pool },
    );
  }

  get ledger(): Ledger {
    return this.#counted;
  }

  /** Of updates that came in. */
  get bytes(): number {
    return this.#bytes;
  }

  isUploading(id: ClientId): boolean {
    return this.#uploads.isReceiving(id);
  }

  waitsToUpload(id: ClientId): boolean {
    return this.#uploads.isWaiting(id);
  }

  /** A client offers its update. */
  offer(id: ClientId, report: Report): void {
    const { plan, aggregation, voice, watch, turns, state } = this.#options;
    const member = state().members.get(id);
    // Asked for once more when the next round begins.
    const isCarried = turns !== null && member !== undefined && isAtWork(state(), member);
    if (isCarried && !isOpen(state())) return;
    const { encoding, bytes } = aggregation;
    const verdict = checkReport(report, {
      ...voice.whereOf(id),
      encoding,
      bytes,
      maxExamples: plan.config.maxExamples,
      named: updateShapeOf(plan.strategy, plan.length).named,
      open: askedOf(state()) === 'report',
      member: member?.state,
      counted: this.#counted.get(id)?.upload,
    });
    if (verdict === 'accept') {
      watch.reached(id, 'offeredAt');
      this.#uploads.begin(id, report);
    } else if (verdict === 'known') voice.send(id, { type: 'received', ...voice.whereOf(id) });
    else this.#refuse(id, report, verdict);
  }

  /** @returns false when the chunk belongs to no upload that is wanted */
  chunk(id: ClientId, tag: number, offset: number, payload: Uint8Array): boolean {
    const wanted = this.#uploads.chunk(id, tag, offset, payload);
    if (!wanted) return false;
    this.#bytes += payload.length;
    this.#options.watch.bytes(id, payload.length);
    return true;
  }

  /** Called about once a second. */
  tick(): void {
    this.#uploads.tick();
  }

  /** Forgets what this client has sent or wanted to send, if it does not count yet. */
  drop(id: ClientId): void {
    this.#uploads.drop(id);
  }

  /** No more are taken. */
  end(): void {
    this.#uploads.clear();
  }

  /** A whole, checked update: it counts from now on, whatever happens to its client. */
  #count(upload: Upload): void {
    const { aggregation, voice, watch, turns, state, dispatch, attemptTo } = this.#options;
    const { client, report } = upload;
    let added: Added;
    try {
      if (!isPending(state(), client)) {
        throw new FederatedError('ROUND_CLOSED', 'report: the round closed before the update was whole');
      }
      added = aggregation.add(upload, turns?.scaleOf(client));
    } catch (thrown) {
      this.#uploads.release(upload);
      this.#refuse(client, report, asFederatedError(thrown));
      return;
    }
    const { done, examples, seen } = added;
    const basedOn = turns === null ? {} : { basedOn: voice.whereOf(client).round };
    this.#counted.set(client, { examples, upload: report.upload, ...basedOn });
    watch.counted(client, examples, report.backend ?? '', seen);
    attemptTo(async () => {
      if (done !== null) await done;
      this.#uploads.release(upload);
      voice.received(client);
    });
    voice.counted(client, report, { ...seen, ...basedOn });
    dispatch({ type: 'answered', from: client, kind: 'report' });
  }

  #refuse(client: ClientId, report: Report, error: FederatedError): void {
    const { host, voice, dispatch } = this.#options;
    host.metrics.report('refused');
    voice.refused(client, report, error, 'A report');
    const isLast = voice.isCurrent(client, report) && contentFaults.includes(error.code);
    if (isLast) dispatch({ type: 'refused', from: client });
  }
}
