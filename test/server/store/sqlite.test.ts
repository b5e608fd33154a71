import { expect } from 'chai';
import Database from 'libsql';
import { copyFile, open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openSqliteStore } from '../../../server/store/sqlite.ts';
import { runId } from '../../../shared/ids.ts';
import { useFolder } from '../../contracts/folder.ts';
import { describeStore, hashOf, recordAfter, refuses, storedRound, storedRun } from '../../contracts/store.ts';

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

  it('brings a file of the first format to the present one, with what is in it', async () => {
    const before = openSqliteStore(path());
    await before.createRun(storedRun('first'));
    await before.close();
    alter('DROP TABLE removed_runs; PRAGMA user_version = 1');
    const after = openSqliteStore(path());
    expect([...(await after.takenNames())]).to.deep.equal(['first']);
    await after.removeRun(first);
    expect([...(await after.takenNames())]).to.deep.equal(['first']);
    await after.close();
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
