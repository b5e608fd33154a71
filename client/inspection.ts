import type { ClientMessage, MessageOf } from '../shared/protocol/messages.ts';
import { checkUpdatePlan } from '../shared/updates/plan.ts';
import type { Job } from './session/types.ts';

/** What leaves this device, to the byte; never the data, and no value of an update. */
export interface Inspection {
  /** By kind, in the order in which they were first sent, since this client was made. */
  readonly sent: readonly SentMessages[];
  /** Of all of these: what was handed to the socket, sealed. */
  readonly bytesSent: number;
  /** The newest update that was trained here; null before. */
  readonly update: UpdateInspection | null;
}

export interface SentMessages {
  /** As in the protocol: `hello`, `auth`, `ready`, `report`, `chunk` (of an update), ... */
  readonly message: string;
  readonly count: number;
  readonly bytes: number;
  /** What the last one said, by the names of its fields. */
  readonly fields: readonly string[];
}

/** What is known of an update without its values. */
export interface UpdateFacts {
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** The examples it was trained on. */
  readonly examples: number;
  /** L2 norm as trained. */
  readonly norm: number;
}

export interface UpdateInspection {
  readonly run: string;
  readonly round: number;
  readonly tensors: UpdateFacts['tensors'];
  /** `clear`: the server sees it. `masked`: it sees the sum over all clients only. */
  readonly encoding: 'clear' | 'masked';
  /** Of the update as it is sent, before it is sealed in chunks; null before it is offered. */
  readonly bytes: number | null;
  /** L2 norm, as trained and as sent. */
  readonly norm: { readonly before: number; readonly after: number };
  /** How many examples it was trained on, and who learns that: the server, or nobody but for the sum over all clients. */
  readonly examples: { readonly count: number; readonly toldTo: 'server' | 'sum' };
}

/** Writes down what is sent. */
export class Inspector {
  readonly #sent = new Map<string, { count: number; bytes: number; fields: readonly string[] }>();
  #update: UpdateInspection | null = null;

  sent(message: string, bytes: number, fields: readonly string[]): void {
    const before = this.#sent.get(message) ?? { count: 0, bytes: 0 };
    this.#sent.set(message, { count: before.count + 1, bytes: before.bytes + bytes, fields });
  }

  /** An update is there, and is to be sent for this job. */
  contributes(
    { run, round, plans }: Pick<Job, 'run' | 'round' | 'plans'>,
    { tensors, examples, norm }: UpdateFacts,
  ): void {
    const after = plans === null ? norm : Math.min(norm, checkUpdatePlan(JSON.parse(plans.update)).clippingNorm);
    this.#update = {
      run,
      round,
      tensors,
      encoding: plans === null ? 'clear' : 'masked',
      bytes: null,
      norm: { before: norm, after },
      examples: { count: examples, toldTo: plans === null ? 'server' : 'sum' },
    };
  }

  offers({ bytes }: MessageOf<ClientMessage, 'report'>): void {
    if (this.#update !== null) this.#update = { ...this.#update, bytes };
  }

  read(): Inspection {
    const sent = [...this.#sent].map(([message, { count, bytes, fields }]) => ({ message, count, bytes, fields }));
    return { sent, bytesSent: sent.reduce((sum, { bytes }) => sum + bytes, 0), update: this.#update };
  }
}
