import type Database from 'libsql';
import { sealRows } from './row-seal.ts';

/**
 * The tables of the first format. A column of JSON is text; hashes and ids are text in the forms of shared/ids.ts; times are ms
 * since 1970. It never changes: what is new is a migration, so that a new file and an old one brought up to date are alike.
 */
const first = `
CREATE TABLE runs (
  id TEXT PRIMARY KEY, config TEXT NOT NULL, task TEXT NOT NULL, state TEXT NOT NULL, round INTEGER NOT NULL,
  weights TEXT NOT NULL, strategy_state TEXT, reason TEXT, created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE attempts (
  run TEXT PRIMARY KEY REFERENCES runs ON DELETE CASCADE,
  round INTEGER NOT NULL, attempt INTEGER NOT NULL, cohort TEXT NOT NULL, wanted INTEGER NOT NULL
) STRICT;
-- Rows are only ever added: what is measured later lies in a table of its own.
CREATE TABLE rounds (
  run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
  sequence INTEGER NOT NULL, round INTEGER NOT NULL, result TEXT NOT NULL, hash TEXT NOT NULL,
  record TEXT NOT NULL, metrics TEXT NOT NULL,
  PRIMARY KEY (run, sequence)
) STRICT;
CREATE UNIQUE INDEX committed_once ON rounds (run, round) WHERE result <> 'abandoned';
CREATE TABLE evaluations (
  run TEXT NOT NULL, sequence INTEGER NOT NULL, evaluation TEXT NOT NULL,
  PRIMARY KEY (run, sequence), FOREIGN KEY (run, sequence) REFERENCES rounds ON DELETE CASCADE
) STRICT;
CREATE TABLE clients (
  id TEXT PRIMARY KEY, public_key BLOB NOT NULL, label TEXT NOT NULL, state TEXT NOT NULL, admitted_at INTEGER NOT NULL
) STRICT;
`;

/** What brings a file of format i + 1 to the next. */
const migrations: readonly ((db: Database.Database) => void)[] = [
  (db) => db.exec('CREATE TABLE removed_runs (id TEXT PRIMARY KEY) STRICT'),
  // Each row carries a checksum, so that a byte changed on the disk is seen wherever it is.
  (db) => {
    for (const table of ['runs', 'removed_runs', 'attempts', 'rounds', 'evaluations', 'clients']) {
      db.exec(`ALTER TABLE ${table} ADD COLUMN seal TEXT NOT NULL DEFAULT ''`);
      sealRows(db, table);
    }
  },
  // JSON: what clients of an asynchronous run have trained from since an earlier round.
  (db) => {
    db.exec('ALTER TABLE attempts ADD COLUMN bases TEXT');
    sealRows(db, 'attempts');
  },
  // Models that were removed on purpose, by their blobs: what is gone and not here is lost.
  (db) =>
    db.exec(`CREATE TABLE pruned_models (
      run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, id TEXT NOT NULL, seal TEXT NOT NULL, PRIMARY KEY (run, id)
    ) STRICT`),
];

export const sealedTables = [
  'runs',
  'removed_runs',
  'attempts',
  'rounds',
  'evaluations',
  'clients',
  'pruned_models',
] as const;
export type SealedTable = (typeof sealedTables)[number];

/** Counted up with every change of the tables; kept in the file as user_version. */
export const schemaVersion = migrations.length + 1;

/** Makes the tables in an empty file. */
export function createTables(db: Database.Database): void {
  db.exec(first);
  for (const migration of migrations) migration(db);
}

/** Brings a file from a format to the next one. */
export function migrateFrom(db: Database.Database, version: number): void {
  migrations[version - 1]!(db);
}
