import { createHash } from 'node:crypto';
import { appendFile, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FederatedError } from '../../shared/errors.ts';
import { canonicalJson } from '../../shared/tasks/task.ts';

/** One thing that somebody did, or was refused, over the API. Never a token, a body or a query. */
export interface AuditEntry {
  /** 1, 2, 3 ... */
  readonly sequence: number;
  /** ms since 1970 */
  readonly at: number;
  /** `admin`, `viewer`, `signed:<name>`, `client`, `nobody` (no valid token), or `server`. */
  readonly who: string;
  readonly address: string;
  /** `POST /api/runs`, `start`, ... */
  readonly action: string;
  /** HTTP status; 0 for what the server did itself. */
  readonly status: number;
  /** Hash of the entry before; 64 zeros for the first. */
  readonly previous: string;
  /** SHA-256 of the canonical JSON of everything above. */
  readonly hash: string;
}

export const auditFile = 'audit.jsonl';
const firstPrevious = '0'.repeat(64);

const seal = (entry: Omit<AuditEntry, 'hash'>): AuditEntry => ({
  ...entry,
  hash: createHash('sha256').update(canonicalJson(entry)).digest('hex'),
});

/** Appends to `audit.jsonl` in the data folder; each entry has the hash of the one before, so that a change in between shows. */
export class AuditLog {
  readonly #path: string;
  #sequence: number;
  #last: string;
  #writing: Promise<void> = Promise.resolve();
  #failure: unknown = null;

  private constructor(path: string, sequence: number, last: string) {
    this.#path = path;
    this.#sequence = sequence;
    this.#last = last;
  }

  /** Goes on after what is there. A line that a crash has cut off is taken away. @throws FederatedError BAD_FILE */
  static async open(dataDir: string): Promise<AuditLog> {
    const path = join(dataDir, auditFile);
    const file = await open(path, 'a+', 0o600);
    try {
      const text = await file.readFile('utf8');
      const end = text.lastIndexOf('\n') + 1;
      if (end < text.length) await file.truncate(Buffer.byteLength(text.slice(0, end)));
      const line = text.slice(0, end).trimEnd().split('\n').at(-1) ?? '';
      const last = line === '' ? null : parse(line);
      if (line !== '' && last === null) {
        const message = `the file ${auditFile} in the data folder is damaged; move it away to begin another`;
        throw new FederatedError('BAD_FILE', message);
      }
      return new AuditLog(path, last?.sequence ?? 0, last?.hash ?? firstPrevious);
    } finally {
      await file.close();
    }
  }

  add(entry: Pick<AuditEntry, 'at' | 'who' | 'address' | 'action' | 'status'>): void {
    const { at, who, address, action, status } = entry;
    const whole = seal({ sequence: ++this.#sequence, at, who, address, action, status, previous: this.#last });
    this.#last = whole.hash;
    this.#writing = this.#writing
      .then(() => appendFile(this.#path, `${JSON.stringify(whole)}\n`, { mode: 0o600, flush: true }))
      .catch((error: unknown) => {
        this.#failure ??= error;
      });
  }

  /** Why an entry could not be written, or null. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Resolves when all is written. */
  close(): Promise<void> {
    return this.#writing;
  }
}

function parse(line: string): AuditEntry | null {
  try {
    const value = JSON.parse(line) as AuditEntry | null;
    return typeof value?.sequence === 'number' && typeof value.hash === 'string' ? value : null;
  } catch {
    return null;
  }
}

/**
 * All entries, and where the chain is broken: the sequence number of the first entry that was changed, put in, or follows one that was
 * taken out; null when it holds. That the newest were cut off shows only to who knows the last hash.
 * @throws FederatedError NOT_FOUND
 */
export async function readAudit(dataDir: string): Promise<{ entries: AuditEntry[]; brokenAt: number | null }> {
  let text: string;
  try {
    text = await readFile(join(dataDir, auditFile), 'utf8');
  } catch (cause) {
    throw new FederatedError('NOT_FOUND', `there is no ${auditFile} in ${dataDir}`, { cause });
  }
  const entries: AuditEntry[] = [];
  let previous = firstPrevious;
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const entry = parse(line);
    if (entry === null) return { entries, brokenAt: entries.length + 1 };
    const { hash, ...rest } = entry;
    if (rest.previous !== previous || rest.sequence !== entries.length + 1 || seal(rest).hash !== hash) {
      return { entries, brokenAt: entries.length + 1 };
    }
    entries.push(entry);
    previous = hash;
  }
  return { entries, brokenAt: null };
}
