import Database from 'libsql';
import { FederatedError, type ErrorCode } from '../../shared/errors.ts';
import { createTables, migrateFrom, schemaVersion } from './schema.ts';

/** The ASCII bytes of `fdlm`: says that a SQLite file is ours. */
export const applicationId = 0x66_64_6c_6d;
/** How long a call waits for another process that writes, ms. */
const busyTimeout = 5_000;

/** Whether a file that is there was written by an older version, and would be brought up to date when opened. */
export function isOlder(path: string): boolean {
  let db: Database.Database | undefined;
  try {
    db = new Database(path, { timeout: busyTimeout });
    return pragma(db, 'application_id') === applicationId && pragma(db, 'user_version') < schemaVersion;
  } catch (error) {
    throw storeError(path, error);
  } finally {
    db?.close();
  }
}

/**
 * Opens or creates the file, checks that it is whole and of a version that is known, and brings an older one up to date.
 * @throws FederatedError STORE_NEWER, STORE_CORRUPT, STORE_LOCKED, STORE_FULL or BAD_FILE
 */
export function prepareFile(path: string): Database.Database {
  let db: Database.Database | undefined;
  try {
    db = new Database(path, { timeout: busyTimeout });
    if (pragma(db, 'user_version') === 0) create(db, path);
    const version = pragma(db, 'user_version');
    if (pragma(db, 'application_id') !== applicationId) throw notOurs(path);
    if (version > schemaVersion) throw newerStore(path, version);
    db.exec('PRAGMA journal_mode = WAL');
    db.exec('PRAGMA synchronous = FULL');
    migrate(db);
    db.exec('PRAGMA foreign_keys = ON');
    const found = Object.values(db.prepare('PRAGMA quick_check(1)').get() as Record<string, unknown>)[0];
    if (found !== 'ok') throw corrupt(path, String(found));
    return db;
  } catch (error) {
    db?.close();
    throw storeError(path, error);
  }
}

/** All of it, or nothing. Takes the write lock first, so that what is read cannot change before the write. */
export function inTransaction<T>(db: Database.Database, call: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = call();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    // After a full disk SQLite has rolled back by itself; to do so again would be an error that hides the first.
    if (db.inTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

function create(db: Database.Database, path: string): void {
  inTransaction(db, () => {
    if (pragma(db, 'user_version') !== 0) return; // another process was faster
    if (db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() !== undefined) throw notOurs(path);
    createTables(db);
    db.exec(`PRAGMA application_id = ${applicationId}`);
    db.exec(`PRAGMA user_version = ${schemaVersion}`);
  });
}

/** Each step whole or not at all, and once, whoever else opens the file meanwhile. */
function migrate(db: Database.Database): void {
  for (let version = pragma(db, 'user_version'); version < schemaVersion; version = pragma(db, 'user_version')) {
    inTransaction(db, () => {
      if (pragma(db, 'user_version') !== version) return; // another process was faster
      migrateFrom(db, version);
      db.exec(`PRAGMA user_version = ${version + 1}`);
    });
  }
}

const pragma = (db: Database.Database, name: string): number =>
  (db.prepare(`PRAGMA ${name}`).get() as Record<string, number>)[name]!;

export const newerStore = (path: string, version: number): FederatedError =>
  new FederatedError(
    'STORE_NEWER',
    `${path} was written by a newer Fedloom (format ${version}, this one knows ${schemaVersion}); update Fedloom`,
  );

const notOurs = (path: string): FederatedError =>
  new FederatedError('BAD_FILE', `${path} is the database of another program; choose another data folder`);

export const corrupt = (path: string, found: string): FederatedError =>
  new FederatedError(
    'STORE_CORRUPT',
    `${path} is damaged (${found}); fedloom verify says what is lost; restore the data folder from a backup`,
  );

const codes: Record<string, readonly [ErrorCode, string]> = {
  SQLITE_FULL: ['STORE_FULL', 'the disk is full; free some space'],
  SQLITE_BUSY: ['STORE_LOCKED', 'another process is writing to it; try again'],
  SQLITE_LOCKED: ['STORE_LOCKED', 'another process is writing to it; try again'],
  SQLITE_READONLY: ['BAD_FILE', 'it may not be written; check its owner and permissions'],
  SQLITE_IOERR: ['BAD_FILE', 'the disk does not take or does not give what is asked of it; check the disk'],
  SQLITE_CANTOPEN: ['BAD_FILE', 'it cannot be opened; check that the folder is there and may be written'],
};

/** Our errors unchanged; SQLite's as the fitting one of ours, with its cause kept. */
export function storeError(path: string, error: unknown): FederatedError {
  if (error instanceof FederatedError) return error;
  const { code = '', message } = error as { code?: string; message: string };
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') return corrupt(path, message);
  // A connection that fails to open has no code of its own.
  const key = message.startsWith('ConnectionFailed') ? 'SQLITE_CANTOPEN' : code;
  const known = Object.keys(codes).find((name) => key.startsWith(name));
  if (known === undefined) {
    const what = error instanceof SyntaxError ? 'STORE_CORRUPT' : 'INTERNAL';
    return new FederatedError(what, `${path}: ${message}`, { cause: error });
  }
  const [ours, advice] = codes[known]!;
  return new FederatedError(ours, `${path}: ${advice}`, { cause: error });
}
