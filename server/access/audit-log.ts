import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '../store/blob-files.ts';
import {
  auditFile,
  firstPrevious,
  forgetting,
  lastEntry,
  olderFile,
  olderFiles,
  seal,
  type AuditEntry,
} from './audit-files.ts';

export type AuditEvent = Pick<AuditEntry, 'at' | 'who' | 'address' | 'action' | 'status'>;

export interface AuditOptions {
  /** A file that has grown to so many bytes is put aside. Default: 16 MiB, some 40,000 entries. */
  readonly fileBytes?: number;
  /** So many of those are kept; older ones are removed, which the log says. Default: 8. */
  readonly olderFiles?: number;
  /** Runs the function once after so many ms; the returned function cancels it. */
  readonly after: (ms: number, run: () => void) => () => void;
  /** ms since 1970 */
  readonly now: () => number;
  /** Entries could not be written and wait (said once, until some were written again); null: all is written again. */
  readonly onState?: (failure: Error | null) => void;
}

/** What is wrong with the log, for the operator. */
export interface AuditState {
  /** Why entries cannot be written, or null. */
  readonly failure: string | null;
  /** Entries that wait for it, and those that there was no more room for. */
  readonly waiting: number;
  readonly lost: number;
}

/** Entries that wait in memory while the disk takes none. */
const mostWaiting = 1_000;
/** ms */
const retryAfter = 1_000;

/**
 * Appends to `audit.jsonl` in the data folder; each entry has the hash of the one before, so that a change in between shows.
 *
 * What is done does not wait for its entry, and goes on when there can be none: on a full disk the operator must still be able to stop a
 * run. The entries wait in memory and are written when the disk takes them again; of those that are beyond its room, the log then says how many.
 */
export class AuditLog {
  readonly #dataDir: string;
  readonly #options: AuditOptions;
  readonly #waiting: AuditEvent[] = [];
  #lost = 0;
  #failure: Error | null = null;
  #sequence: number;
  #last: string;
  /** Length of the file, of whole lines. */
  #bytes: number;
  /** There may be a part of a line behind them. */
  #isRagged: boolean;
  #writing: Promise<void> = Promise.resolve();
  #cancelRetry: () => void = () => {};
  #closed = false;

  private constructor(dataDir: string, options: AuditOptions, bytes: number, last: AuditEntry | null) {
    this.#dataDir = dataDir;
    this.#options = options;
    this.#bytes = bytes;
    this.#isRagged = true;
    this.#sequence = last?.sequence ?? 0;
    this.#last = last?.hash ?? firstPrevious;
  }

  /** Goes on after what is there, of which it reads the end alone. @throws FederatedError BAD_FILE */
  static async open(dataDir: string, options: AuditOptions): Promise<AuditLog> {
    const { bytes, entry } = await lastEntry(join(dataDir, auditFile));
    const older = (await olderFiles(dataDir)).at(-1);
    const last = entry ?? (older === undefined ? null : (await lastEntry(join(dataDir, older))).entry);
    return new AuditLog(dataDir, options, bytes, last);
  }

  add({ at, who, address, action, status }: AuditEvent): void {
    if (this.#waiting.length < mostWaiting) this.#waiting.push({ at, who, address, action, status });
    else this.#lost++;
    // While the disk takes nothing, each new try waits for its time.
    if (this.#failure === null) this.#write();
  }

  get state(): AuditState {
    return { failure: this.#failure?.message ?? null, waiting: this.#waiting.length, lost: this.#lost };
  }

  /** Tries a last time. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry();
    this.#write();
    await this.#writing;
  }

  #write(): void {
    this.#writing = this.#writing
      .then(() => this.#flush())
      .then(
        () => this.#report(null),
        (error: Error) => {
          this.#report(error);
          this.#cancelRetry();
          if (!this.#closed) this.#cancelRetry = this.#options.after(retryAfter, () => this.#write());
        },
      );
  }

  #report(failure: Error | null): void {
    const hadFailed = this.#failure !== null;
    this.#failure = failure;
    if (hadFailed !== (failure !== null)) this.#options.onState?.(failure);
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0 || this.#lost > 0) {
      if (this.#bytes > 0 && this.#bytes >= (this.#options.fileBytes ?? 16 * 2 ** 20)) await this.#putAside();
      const batch = this.#waiting.slice();
      const lost = this.#lost;
      await this.#append(lost === 0 ? batch : [...batch, this.#own(`${lost} entries lost: the disk took none`)]);
      this.#waiting.splice(0, batch.length);
      this.#lost -= lost;
    }
  }

  #own(action: string): AuditEvent {
    return { at: this.#options.now(), who: 'server', address: '', action, status: 0 };
  }

  /** All of them durably, or none. */
  async #append(events: readonly AuditEvent[]): Promise<void> {
    const path = join(this.#dataDir, auditFile);
    let [sequence, previous] = [this.#sequence, this.#last];
    const lines = events.map((event) => {
      const entry = seal({ sequence: ++sequence, ...event, previous });
      previous = entry.hash;
      return `${JSON.stringify(entry)}\n`;
    });
    const bytes = Buffer.from(lines.join(''));
    const file = await open(path, 'a', 0o600);
    try {
      if (this.#isRagged) await this.#trim(file);
      this.#isRagged = true;
      await file.appendFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    this.#isRagged = false;
    this.#bytes += bytes.length;
    this.#sequence = sequence;
    this.#last = previous;
  }

  /** Takes away what a write that failed, or a crash, has left of a line. */
  async #trim(file: FileHandle): Promise<void> {
    const { size } = await file.stat();
    if (size > this.#bytes) await file.truncate(this.#bytes);
    else this.#bytes = size; // somebody has put the file away
  }

  /** A crash in between leaves a file too many, and none too few. */
  async #putAside(): Promise<void> {
    await this.#append([]); // trims it
    await rename(join(this.#dataDir, auditFile), join(this.#dataDir, olderFile(this.#sequence)));
    this.#bytes = 0;
    this.#isRagged = true;
    const names = await olderFiles(this.#dataDir);
    const old = names.slice(0, Math.max(0, names.length - (this.#options.olderFiles ?? 8)));
    if (old.length > 0) {
      const last = (await lastEntry(join(this.#dataDir, old.at(-1)!))).entry!.sequence;
      await this.#append([this.#own(forgetting(last))]);
    }
    for (const name of old) await rm(join(this.#dataDir, name));
    await syncFolder(this.#dataDir);
  }
}
