import { expect } from 'chai';
import Database from 'libsql';
import { spawnSync } from 'node:child_process';
import { copyFile, open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openSqliteStore } from '../../../server/store/sqlite.ts';
import { runId } from '../../../shared/ids.ts';
import { useFolder } from '../../contracts/folder.ts';
import { anna, describeStore, hashOf, recordAfter, refuses, storedRound, storedRun } from '../../contracts/store.ts';

describe('openSqliteStore', () => {
  const folder = useFolder();
  const path = (): string => join(folder(), 'fedloom.db');
  const first = runId('first');
  /** `openSqliteStore` throws at once; here it is a rejection. */
  const opening = async (): Promise<unknown> => openSqliteStore(path());
  /** Runs SQL on the file as another program would. */
  const alter = (sql: string): void => {
    const db = new Database(path());
    db.exec(sql);
    db.close();
  };
  describeStore('openSqliteStore', async () => openSqliteStore(path()));

  it('has everything again after it was closed and opened', async () => {
    const before = openSqliteStore(path());
    await before.createRun(storedRun('first'));
    const round = storedRound(recordAfter(first, null, 1));
    await before.commitRound(first, round, { weights: hashOf('1'), strategyState: null });
    await before.close();
    await before.close(); // harmless
    // All of it is in the one file, also without the write-ahead log beside it.
    const copy = join(folder(), 'copy.db');
    await copyFile(path(), copy);

    const after = openSqliteStore(copy);
    expect(await after.rounds(first)).to.deep.equal([round]);
    expect((await after.run(first)).round).to.equal(1);
    await after.close();
  });

  it('lets another process read what is committed while it is open', async () => {
    const writer = openSqliteStore(path());
    const reader = openSqliteStore(path());
    await writer.createRun(storedRun('first'));
    expect(await reader.runs()).to.have.length(1);
    await reader.close();
    await writer.close();
  });

  it('refuses a file of a newer format', async () => {
    await openSqliteStore(path()).close();
    alter('PRAGMA user_version = 99');
    await refuses(opening(), 'STORE_NEWER');
  });

  describe('a file of an older format', () => {
    const record = recordAfter(first, null, 1);
    /** A file as the first format was, with a run, a round and a client. */
    const writeFirst = (): void => {
      const run = storedRun('first');
      alter(`
        CREATE TABLE runs (
          id TEXT PRIMARY KEY, config TEXT NOT NULL, task TEXT NOT NULL, state TEXT NOT NULL, round INTEGER NOT NULL,
          weights TEXT NOT NULL, strategy_state TEXT, reason TEXT, created_at INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE attempts (
          run TEXT PRIMARY KEY REFERENCES runs ON DELETE CASCADE,
          round INTEGER NOT NULL, attempt INTEGER NOT NULL, cohort TEXT NOT NULL, wanted INTEGER NOT NULL
        ) STRICT;
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
        INSERT INTO runs VALUES ('first', '${JSON.stringify(run.config)}', '${run.task}', 'running', 1, '${hashOf('1')}',
          NULL, NULL, ${run.createdAt});
        INSERT INTO rounds VALUES ('first', 1, 1, 'done', '${record.hash}', '${JSON.stringify(record)}', '{"seconds":1.5}');
        INSERT INTO evaluations VALUES ('first', 1, '{"loss":0.5}');
        INSERT INTO clients VALUES ('${anna}', x'${'0a'.repeat(32)}', 'Anna', 'active', 5);
        PRAGMA application_id = ${0x66_64_6c_6d};
        PRAGMA user_version = 1;
      `);
    };
    const schemaOf = (file: string): unknown => {
      const db = new Database(file);
      const rows = db.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all() as Record<string, string>[];
      db.close();
      return rows.map((row) => [row['name'], row['sql']?.replaceAll(/\s+/g, '')]);
    };

    it('becomes one of the present format, with what is in it', async () => {
      writeFirst();
      const store = openSqliteStore(path());
      expect(await store.rounds(first)).to.deep.equal([{ ...storedRound(record), evaluation: { loss: 0.5 } }]);
      expect((await store.run(first)).round).to.equal(1);
      expect((await store.client(anna))?.publicKey).to.deep.equal(new Uint8Array(32).fill(10));
      await store.removeRun(first);
      expect([...(await store.takenNames())]).to.deep.equal(['first']);
      await store.close();
      const fresh = join(folder(), 'fresh.db');
      await openSqliteStore(fresh).close();
      expect(schemaOf(path())).to.deep.equal(schemaOf(fresh));
    });

    it('is whole, and old or new, after the process was killed while it was brought up to date', async function () {
      this.timeout(60_000);
      // The same steps as `prepareFile` takes, in a process that dies inside the second one's transaction.
      writeFirst();
      const program = `
        import Database from 'libsql';
        const db = new Database(${JSON.stringify(path())});
        db.exec("PRAGMA journal_mode = WAL; BEGIN IMMEDIATE; CREATE TABLE removed_runs (id TEXT PRIMARY KEY) STRICT; PRAGMA user_version = 2; COMMIT");
        db.exec("BEGIN IMMEDIATE; ALTER TABLE runs ADD COLUMN seal TEXT NOT NULL DEFAULT ''; PRAGMA cache_spill = 1; PRAGMA user_version = 3");
        process.kill(process.pid, 'SIGKILL');
      `;
      const died = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
      expect(died.signal, died.stderr).to.equal('SIGKILL');
      const store = openSqliteStore(path());
      expect((await store.run(first)).round).to.equal(1);
      await store.close();
    });
  });

  it('refuses a row in which one character was changed outside', async () => {
    const store = openSqliteStore(path());
    await store.createRun(storedRun('first'));
    await store.commitRound(first, storedRound(recordAfter(first, null, 1)), {
      weights: hashOf('1'),
      strategyState: null,
    });
    await store.saveClient({ id: anna, publicKey: new Uint8Array(32), label: 'Anna', state: 'active', admittedAt: 5 });
    alter("UPDATE rounds SET metrics = replace(metrics, '1.5', '1.6'); UPDATE clients SET state = 'excluded'");
    await refuses(store.rounds(first), 'STORE_CORRUPT');
    await refuses(store.clients(), 'STORE_CORRUPT');
    await store.close();
  });

  it('refuses a file that is no database, or is torn', async () => {
    await writeFile(path(), Buffer.alloc(8_192, 7));
    await refuses(opening(), 'STORE_CORRUPT');
    await writeFile(path(), '');
    await openSqliteStore(path()).close();
    await truncate(path(), 8_192);
    await refuses(opening(), 'STORE_CORRUPT');
  });

  it('refuses a file with a damaged page', async () => {
    await openSqliteStore(path()).close();
    const file = await open(path(), 'r+');
    await file.write(Buffer.alloc(4_096, 0xff), 0, 4_096, 4_096); // the second page: the root of a table
    await file.close();
    await refuses(opening(), 'STORE_CORRUPT');
  });

  it("refuses another program's database", async () => {
    alter('CREATE TABLE theirs (x)');
    await refuses(opening(), 'BAD_FILE');
  });

  it('refuses a row whose JSON was damaged', async () => {
    const store = openSqliteStore(path());
    await store.createRun(storedRun('first'));
    alter("UPDATE runs SET config = '{'");
    await refuses(store.run(first), 'STORE_CORRUPT');
    await store.close();
  });

  it('says that a folder is not there', async () => {
    await refuses((async () => openSqliteStore(join(folder(), 'no', 'fedloom.db')))(), 'BAD_FILE');
  });
});
