import Database from 'libsql';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FederatedError } from '../../shared/errors.ts';

/**
 * One server at a time owns a data folder. The lock is the operating system's, held through an open transaction on the
 * SQLite file `server.lock`: it ends with its process, however that ends, so there is no stale lock, and no process id
 * that another process (or another container) could have by chance. Nothing else may open that file: on POSIX, closing
 * any descriptor of it drops the lock.
 */
const lockFile = 'server.lock';
/** A probe by a command holds the file for less than a millisecond; a starting server waits that out, ms. */
const patience = 250;

/** Locks that this process holds: what nothing refers to is collected, and would let go of its file. */
const held = new Set<Database.Database>();

/**
 * Takes the folder's lock.
 * @returns what gives it back
 * @throws FederatedError STORE_LOCKED when another process, or this one, holds it
 */
export function lockFolder(dataDir: string): () => void {
  const db = new Database(join(dataDir, lockFile), { timeout: patience });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    db.close();
    const message = `the data folder ${dataDir} is in use by ${ownerOf(dataDir)}; stop it first or choose another --data-dir`;
    throw new FederatedError('STORE_LOCKED', message, { cause });
  }
  held.add(db);
  return () => {
    if (!held.delete(db)) return;
    db.exec('ROLLBACK');
    db.close();
  };
}

/** True when a process holds the folder's lock now. */
export function isLocked(dataDir: string): boolean {
  const path = join(dataDir, lockFile);
  if (!existsSync(path)) return false;
  const db = new Database(path, { timeout: 0 });
  try {
    db.exec('SELECT 1 FROM sqlite_schema'); // reading is refused while another holds it exclusively
    return false;
  } catch {
    return true;
  } finally {
    db.close();
  }
}

function ownerOf(dataDir: string): string {
  try {
    const { pid, url } = JSON.parse(readFileSync(join(dataDir, 'server.json'), 'utf8')) as Record<string, unknown>;
    if (typeof pid === 'number' && typeof url === 'string') return `the server at ${url} (process ${pid})`;
  } catch {
    // It has not written its address yet.
  }
  return 'another process';
}
