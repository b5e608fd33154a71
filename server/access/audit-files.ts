import { createHash } from 'node:crypto';
import { open, readdir, type FileHandle } from 'node:fs/promises';
import { FederatedError } from '../../shared/errors.ts';
import { canonicalJson } from '../../shared/tasks/task.ts';

/** The files of the audit log: one that is written to, and older ones, each named after its last entry. */

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
export const firstPrevious = '0'.repeat(64);
/** Longer than any line. Bytes. */
const tailBytes = 64 * 1024;

/** @param last - sequence number of its last entry */
export const olderFile = (last: number): string => `audit-${String(last).padStart(12, '0')}.jsonl`;

/** The older files, oldest first. */
export const olderFiles = async (dataDir: string): Promise<string[]> =>
  (await readdir(dataDir)).filter((name) => /^audit-\d{12}\.jsonl$/.test(name)).toSorted();

/** What the server writes before it removes old entries, so that their lack is no secret. */
export const forgetting = (last: number): string => `forget entries to ${last}`;
export const forgottenIn = ({ who, action }: AuditEntry): number =>
  who === 'server' ? Number(/^forget entries to (\d+)$/.exec(action)?.[1] ?? 0) : 0;

export const seal = (entry: Omit<AuditEntry, 'hash'>): AuditEntry => ({
  ...entry,
  hash: createHash('sha256').update(canonicalJson(entry)).digest('hex'),
});

export function parse(line: string): AuditEntry | null {
  try {
    const value = JSON.parse(line) as AuditEntry | null;
    return typeof value?.sequence === 'number' && typeof value.hash === 'string' ? value : null;
  } catch {
    return null;
  }
}

/**
 * Where a file's whole lines end, and its last entry; null when it has none. Reads the end of the file alone.
 * @throws FederatedError BAD_FILE
 */
export async function lastEntry(path: string): Promise<{ readonly bytes: number; readonly entry: AuditEntry | null }> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { bytes: 0, entry: null };
    throw error;
  }
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - tailBytes);
    const tail = Buffer.alloc(size - from);
    await file.read(tail, 0, tail.length, from);
    const end = tail.lastIndexOf(0x0a) + 1;
    if (end === 0 && from === 0) return { bytes: 0, entry: null };
    const begin = end < 2 ? 0 : tail.lastIndexOf(0x0a, end - 2) + 1;
    const entry = end === 0 || (begin === 0 && from > 0) ? null : parse(tail.toString('utf8', begin, end));
    if (entry !== null) return { bytes: from + end, entry };
    throw new FederatedError('BAD_FILE', `the file ${path} is damaged; move it away to begin another`);
  } finally {
    await file.close();
  }
}
