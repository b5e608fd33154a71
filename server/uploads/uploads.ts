import { equalBytes } from '../../shared/bytes.ts';
import { FederatedError } from '../../shared/errors.ts';
import type { ClientId } from '../../shared/ids.ts';
import { tagOf } from '../../shared/protocol/frames.ts';
import type { Limits } from '../../shared/protocol/limits.ts';
import type { ClientMessage, MessageOf } from '../../shared/protocol/messages.ts';
import type { UpdateCheck } from './update-check.ts';

export type Report = MessageOf<ClientMessage, 'report'>;

/** An update on its way in. Nothing of it reaches the round's sum before it is whole and has passed every check. */
export interface Upload {
  readonly client: ClientId;
  readonly report: Report;
  /** The update, as sent; filled from the front. In memory of its own, so that it can be seen as words or floats. */
  readonly bytes: Uint8Array;
  readonly check: UpdateCheck;
}

interface Receiving extends Upload {
  offset: number;
  acked: number;
  readonly startedAt: number;
  lastAt: number;
}

/** An upload that has been going on for so long is a slow one, ms. */
const slowAfter = 1_000;

export interface UploadsHost {
  /** ms of a clock that nothing sets */
  now(): number;
  /** Tells the client to send from this offset. */
  send(client: ClientId, report: Report, offset: number): void;
  ack(client: ClientId, report: Report, offset: number): void;
  /** The update is whole and has passed its check. Call `release` when its bytes are no longer needed. */
  whole(upload: Upload): void;
  /** The update cannot be taken. It is gone already. */
  refused(client: ClientId, report: Report, error: FederatedError): void;
}

/**
 * Receives updates: a few at once, so that memory stays bounded whatever the number of clients; the others wait their turn. Fast uploads come
 * four at a time, which keeps a fast link busy; slow ones come on top, as far as memory allows.
 * A place that stands still while others wait is given to the next.
 */
export class Uploads {
  readonly #host: UploadsHost;
  readonly #limits: Limits;
  readonly #bytes: number;
  readonly #newCheck: () => UpdateCheck;
  /** Updates that memory has room for. */
  readonly #places: number;
  readonly #receiving = new Map<ClientId, Receiving>();
  readonly #waiting = new Map<ClientId, Report>();
  readonly #pool: Uint8Array[];
  #held = 0;

  constructor(
    host: UploadsHost,
    options: {
      /** Length of an update. */
      readonly bytes: number;
      readonly newCheck: () => UpdateCheck;
      readonly limits: Limits;
      /** Memory of this length that can be used again; what is released goes back into it. */
      readonly pool?: Uint8Array[];
    },
  ) {
    this.#host = host;
    this.#limits = options.limits;
    this.#pool = options.pool ?? [];
    this.#bytes = options.bytes;
    this.#newCheck = options.newCheck;
    this.#places = Math.max(1, Math.floor(options.limits.maxSpoolBytes / options.bytes));
  }

  /** Takes a checked report: answers with `send` now, or when a place is free. A known upload goes on where it stopped. */
  begin(client: ClientId, report: Report): void {
    const known = this.#receiving.get(client);
    if (known !== undefined && equalBytes(known.report.upload, report.upload)) {
      known.acked = known.offset;
      known.lastAt = this.#host.now();
      this.#host.send(client, report, known.offset);
      return;
    }
    if (known !== undefined) this.#end(known);
    this.#waiting.set(client, report);
    this.#admit();
  }

  /** Whether this client waits for a place. */
  isWaiting(client: ClientId): boolean {
    return this.#waiting.has(client);
  }

  isReceiving(client: ClientId): boolean {
    return this.#receiving.has(client);
  }

  /** A chunk of bytes. @returns false when it belongs to no upload that is wanted; it is dropped then */
  chunk(client: ClientId, tag: number, offset: number, payload: Uint8Array): boolean {
    const upload = this.#receiving.get(client);
    if (upload === undefined || tag !== tagOf(upload.report.upload)) return false;
    if (offset !== upload.offset || offset + payload.length > upload.report.bytes) {
      const expected = `expected bytes from ${upload.offset}, at most ${upload.report.bytes} in all`;
      const error = new FederatedError('BAD_OFFSET', `upload: ${expected}, got ${payload.length} from ${offset}`);
      this.#refuse(upload, error);
      return true;
    }
    const fault = upload.check.part(payload);
    if (fault !== null) {
      this.#refuse(upload, fault);
      return true;
    }
    upload.bytes.set(payload, offset);
    upload.offset += payload.length;
    upload.lastAt = this.#host.now();
    if (upload.offset === upload.report.bytes) this.#finish(upload);
    else if (upload.offset - upload.acked >= this.#limits.ackBytes) {
      upload.acked = upload.offset;
      this.#host.ack(client, upload.report, upload.offset);
    }
    return true;
  }

  /** The bytes of a whole upload are no longer needed; their memory goes to the next. */
  release(upload: Upload): void {
    this.#held--;
    if (this.#pool.length < this.#limits.maxUploads) this.#pool.push(upload.bytes);
    this.#admit();
  }

  /** Forgets what this client has sent or wanted to send. */
  drop(client: ClientId): void {
    this.#waiting.delete(client);
    const upload = this.#receiving.get(client);
    if (upload !== undefined) this.#end(upload);
  }

  clear(): void {
    this.#waiting.clear();
    for (const upload of this.#receiving.values()) this.#end(upload);
  }

  /** Called about once a second: lets more in beside slow uploads, ends uploads that are too slow, and moves those that stand still behind those that wait. */
  tick(): void {
    const now = this.#host.now();
    const { minUploadRate, uploadPatience, uploadStall } = this.#limits;
    for (const upload of this.#receiving.values()) {
      const age = now - upload.startedAt;
      if (age > uploadPatience && upload.offset < (minUploadRate * age) / 1000) {
        this.#refuse(upload, new FederatedError('TOO_SLOW', `upload: under ${minUploadRate} bytes a second`));
      } else if (this.#waiting.size > 0 && now - upload.lastAt > uploadStall) {
        this.#end(upload);
        this.#waiting.set(upload.client, upload.report);
        this.#admit();
      }
    }
    this.#admit();
  }

  #admit(): void {
    for (const [client, report] of this.#waiting) {
      if (this.#held >= this.#places || this.#held - this.#slow() >= this.#limits.maxUploads) return;
      this.#waiting.delete(client);
      this.#held++;
      const now = this.#host.now();
      const bytes = this.#pool.pop() ?? new Uint8Array(this.#bytes);
      const check = this.#newCheck();
      const upload = { client, report, bytes, check, offset: 0, acked: 0, startedAt: now, lastAt: now };
      this.#receiving.set(client, upload);
      this.#host.send(client, report, 0);
    }
  }

  /** Uploads over slow links: they take a place in memory, but do not hold up the others. */
  #slow(): number {
    const before = this.#host.now() - slowAfter;
    let count = 0;
    for (const { startedAt } of this.#receiving.values()) if (startedAt <= before) count++;
    return count;
  }

  #finish(upload: Receiving): void {
    const fault = upload.check.whole();
    if (fault !== null) {
      this.#refuse(upload, fault);
      return;
    }
    this.#receiving.delete(upload.client); // its place stays taken until release
    this.#host.whole(upload);
  }

  #refuse(upload: Receiving, error: FederatedError): void {
    this.#end(upload);
    this.#host.refused(upload.client, upload.report, error);
  }

  #end(upload: Receiving): void {
    this.#receiving.delete(upload.client);
    this.release(upload);
  }
}
