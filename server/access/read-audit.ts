import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FederatedError } from '../../shared/errors.ts';
import { auditFile, firstPrevious, forgottenIn, olderFiles, parse, seal, type AuditEntry } from './audit-files.ts';

export interface AuditReading {
  readonly entries: AuditEntry[];
  /** Sequence number of the first entry that was changed, put in, or follows one that was taken out; null when the chain holds. */
  readonly brokenAt: number | null;
  /** Entries before these that the server itself has removed, and says so. */
  readonly forgotten: number;
}

/**
 * All entries that are left, oldest first, and whether their chain holds. That the newest were cut off shows only to who knows the last hash.
 * @throws FederatedError NOT_FOUND; BAD_STATE where the files change faster than they can be read
 */
export async function readAudit(dataDir: string): Promise<AuditReading> {
  const texts = await textsIn(dataDir);
  const lines = texts.flatMap((text) => text.split('\n')).filter((line) => line !== '');
  const first = parse(lines[0] ?? '');
  const forgotten = first === null || first.previous === firstPrevious ? 0 : first.sequence - 1;
  const entries: AuditEntry[] = [];
  let previous = forgotten === 0 ? firstPrevious : first!.previous;
  for (const line of lines) {
    const sequence = forgotten + entries.length + 1;
    const entry = parse(line);
    if (entry === null) return { entries, brokenAt: sequence, forgotten };
    const { hash, ...rest } = entry;
    if (rest.previous !== previous || rest.sequence !== sequence || seal(rest).hash !== hash) {
      return { entries, brokenAt: sequence, forgotten };
    }
    entries.push(entry);
    previous = hash;
  }
  const isSaid = entries.some((entry) => forgottenIn(entry) >= forgotten);
  return { entries, brokenAt: forgotten === 0 || isSaid ? null : forgotten + 1, forgotten };
}

/** So often the reading begins again when the server puts a file aside under it. */
const tries = 10;

/** What the files hold, oldest first; of the newest only whole lines, since the last may be in the middle of being written. */
async function textsIn(dataDir: string): Promise<string[]> {
  const list = (): Promise<string[]> => olderFiles(dataDir).catch(() => []);
  const textOf = (name: string): Promise<string | null> =>
    readFile(join(dataDir, name), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
  for (let i = 0; i < tries; i++) {
    const older = await list();
    const [newest, ...texts] = await Promise.all([auditFile, ...older].map(textOf));
    const isSettled = texts.every((text) => text !== null) && (await list()).join() === older.join();
    if (!isSettled) continue;
    // Where the server ended between one file and the next there is no newest.
    if (newest === null && older.length === 0)
      throw new FederatedError('NOT_FOUND', `there is no ${auditFile} in ${dataDir}`);
    const whole = newest?.slice(0, newest.lastIndexOf('\n') + 1) ?? '';
    return [...texts.filter((text) => text !== null), whole];
  }
  throw new FederatedError(
    'BAD_STATE',
    `the server puts files of ${dataDir} aside faster than they can be read; try again`,
  );
}
