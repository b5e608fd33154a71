import { expect } from 'chai';
import Database from 'libsql';
import { cpSync, existsSync, readdirSync } from 'node:fs';
import { open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RunFolder } from '../../../server/run-folder/run-folder.ts';
import { openStore } from '../../../server/store/open.ts';
import { namedBlobs, readContents } from '../../../server/upkeep/contents.ts';
import { isWhole, type Finding } from '../../../server/upkeep/finding.ts';
import { verifyFolder, type Verification } from '../../../server/upkeep/verify.ts';
import { readWal } from '../../../server/upkeep/wal.ts';
import { runId, type Sha256 } from '../../../shared/ids.ts';
import { seeded } from '../../../shared/random.ts';
import { useFolder } from '../../contracts/folder.ts';
import { refuses } from '../../contracts/store.ts';
import { Federation, tinyConfig } from '../../helpers/federation.ts';

/** A data folder with a finished run of three rounds and three clients, and the log that a crash leaves beside the database. */
async function crashedFolder(): Promise<string> {
  const federation = await Federation.open({ evaluate: async (_, weights) => ({ loss: weights[0]!, examples: 1 }) });
  const run = await federation.server.operations.create(tinyConfig({ rounds: 3, evaluateEvery: 1 }));
  const { operations, events } = federation.server;
  const folder = await RunFolder.begin(join(federation.dataDir, 'runs'), run.id, operations, events);
  for (const seed of [1, 2, 3]) federation.join({ seed });
  await federation.state('finished');
  await folder.close();
  const copy = `${federation.dataDir}-crashed`;
  cpSync(federation.dataDir, copy, { recursive: true });
  await rm(join(copy, 'fedloom.db-shm'), { force: true });
  await federation.close();
  return copy;
}

describe('verifyFolder', function () {
  this.timeout(60_000);
  const folder = useFolder();
  const data = (...names: string[]): string => join(folder(), 'data', ...names);
  const blob = (id: Sha256): string => data('blobs', id.slice(0, 2), id);
  let crashed = '';
  before(async () => {
    crashed = await crashedFolder();
  });
  after(() => rm(crashed, { recursive: true, force: true }));
  beforeEach(() => cpSync(crashed, data(), { recursive: true }));

  const verify = (repair = false): Promise<Verification> => verifyFolder(data(), { repair });
  const kinds = ({ findings }: { findings: readonly Finding[] }): string[] => [
    ...new Set(findings.map(({ kind }) => kind)),
  ];
  /** Of a copy: whoever opens the file and leaves it changes it. */
  let copies = 0;
  const contents = () => {
    const copy = join(folder(), `copy-${copies++}`);
    for (const suffix of ['', '-wal']) {
      if (existsSync(data(`fedloom.db${suffix}`))) cpSync(data(`fedloom.db${suffix}`), `${copy}${suffix}`);
    }
    return readContents(copy);
  };
  const alter = (sql: string): void => {
    const db = new Database(data('fedloom.db'));
    db.exec(sql);
    db.close();
  };

  it('finds a folder whole after a crash, and counts what is in it', async () => {
    const { findings, whole, runs, records, blobs, bytes } = await verify();
    expect(findings).to.deep.equal([]);
    // The task and four models of 8 weights, 4 bytes each.
    const task = (await stat(blob(contents().runs[0]!.task))).size;
    expect({ whole, runs, records, blobs, bytes }).to.deep.equal({
      whole: true,
      runs: 1,
      records: 3,
      blobs: 5,
      bytes: 4 * 32 + task,
    });
    expect(readdirSync(data())).to.include('fedloom.db-wal'); // it was looked at, and left as it was
  });

  it('looks at the folder of a server at work, and repairs nothing there', async () => {
    const owner = await openStore(data());
    expect(await verify()).to.include({ whole: true, inUse: true });
    await refuses(verify(true), 'STORE_LOCKED');
    await owner.close();
    expect(await verify(true)).to.include({ whole: true, inUse: false });
  });

  it('says that there is no data', async () => {
    await refuses(verifyFolder(join(folder(), 'none')), 'NOT_FOUND');
    await rm(data('fedloom.db'));
    await refuses(verify(), 'NOT_FOUND');
  });

  describe('of one flipped bit', () => {
    /** All that anybody reads of the folder: equal means that the flip is harmless. */
    const meaning = async (): Promise<string> => {
      const { findings: _, ...read } = contents();
      const blobs = [...namedBlobs(read).keys()].map(async (id) => (await readFile(blob(id))).toString('hex'));
      return JSON.stringify([read.runs, [...read.rounds], await Promise.all(blobs)]);
    };
    const flips = async (file: string, random: () => number): Promise<void> => {
      const size = (await stat(file)).size;
      const at = Math.floor(random() * size);
      const handle = await open(file, 'r+');
      const byte = Buffer.alloc(1);
      await handle.read(byte, 0, 1, at);
      byte[0]! ^= 1 << Math.floor(random() * 8);
      await handle.write(byte, 0, 1, at);
      await handle.close();
    };
    for (const [name, count, least] of [
      ['fedloom.db', 30, 1],
      ['fedloom.db-wal', 40, 30],
      ['a blob', 10, 10],
    ] as const) {
      it(`in ${name}, ${count} times: it is found, or changes nothing`, async () => {
        const random = seeded('flips', name);
        const before = await meaning();
        let found = 0;
        for (let i = 0; i < count; i++) {
          // Either all lies in the database, as after a close (most of its pages are empty), or in the log, as after a crash.
          if (name === 'fedloom.db') {
            alter('PRAGMA wal_checkpoint(TRUNCATE)');
          }
          const ids = [...namedBlobs(contents()).keys()];
          await flips(name === 'a blob' ? blob(ids[random.below(ids.length)]!) : data(name), random.float);
          let whole = false;
          try {
            ({ whole } = await verify());
          } catch {
            // Refused with an error: found as well.
          }
          if (whole) expect(await meaning(), `flip ${i}`).to.equal(before);
          else found++;
          await rm(data(), { recursive: true });
          cpSync(crashed, data(), { recursive: true });
        }
        expect(found).to.be.at.least(least);
      });
    }
  });

  describe('of what can be made again', () => {
    it('makes task and first model again from the settings of the run', async () => {
      const { runs, rounds } = contents();
      await rm(blob(runs[0]!.task));
      await writeFile(blob(rounds.get(runs[0]!.id)![0]!.record.weightsBefore), 'other bytes');
      const found = await verify();
      expect([found.whole, kinds(found)]).to.deep.equal([false, ['repairable']]);
      const repaired = await verify(true);
      expect([repaired.whole, kinds(repaired)]).to.deep.equal([true, ['repaired']]);
      expect(await verify()).to.deep.include({ whole: true, findings: [] });
    });

    it('makes damaged indexes again from their tables', async () => {
      // An entry of the index that keeps a round from being committed twice goes; its table knows nothing of it.
      alter(`PRAGMA wal_checkpoint(TRUNCATE); PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET sql = replace(sql, '<> ''abandoned''', '= ''abandoned''') WHERE name = 'committed_once'`);
      alter(`REINDEX committed_once; PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET sql = replace(sql, '= ''abandoned''', '<> ''abandoned''') WHERE name = 'committed_once'`);
      const found = await verify();
      expect([found.whole, kinds(found)]).to.deep.equal([false, ['repairable']]);
      expect((await verify(true)).whole).to.equal(true);
      expect(await verify()).to.deep.include({ whole: true, findings: [] });
    });

    it('writes the files of the run folder again', async () => {
      const files = ['config.json', 'metrics.jsonl', 'events.jsonl'].map((name) => data('runs', 'tiny-1', name));
      const whole = await Promise.all(files.map((file) => readFile(file, 'utf8')));
      await writeFile(files[0]!, whole[0]!.slice(0, 40));
      await writeFile(files[1]!, whole[1]!.replace('"round":2', '"round":7'));
      await writeFile(files[2]!, whole[2]!.slice(0, -20)); // torn in its last line
      expect(kinds(await verify())).to.deep.equal(['repairable']);
      expect(kinds(await verify(true))).to.deep.equal(['repaired']);
      expect(await Promise.all(files.map((file) => readFile(file, 'utf8')))).to.deep.equal([
        whole[0],
        whole[1],
        whole[2]!.trimEnd().split('\n').slice(0, -1).join('\n') + '\n',
      ]);
    });
  });

  describe('of what is lost', () => {
    it('names the model that is gone', async () => {
      const record = contents().rounds.get(runId('tiny-1'))![1]!.record;
      await rm(blob(record.weightsAfter));
      for (const repair of [false, true]) {
        const { whole, findings } = await verify(repair);
        expect(whole).to.equal(false);
        expect(findings).to.have.length(1);
        expect(findings[0]).to.include({ kind: 'lost', where: 'blobs' });
        expect(findings[0]!.message).to.match(/^the model after round 2 of run tiny-1 \([0-9a-f]{12}…\) is missing$/);
      }
    });

    it('names the record at which a log was changed, whoever made its checksum fit', async () => {
      // Somebody who knows the checksums takes a round out, or tells it in another way.
      const { store, close } = await openStore(data());
      const rounds = await store.rounds(runId('tiny-1'));
      await close();
      const told = JSON.stringify({ ...rounds[1]!.record, endedAt: rounds[1]!.record.endedAt + 1 });
      alter(`UPDATE rounds SET record = '${told}' WHERE sequence = 2`);
      const messages = (await verify()).findings.map(({ message }) => message);
      expect(messages).to.include(
        'its log is damaged from record 2 of 3 on: that record does not follow the one before it',
      );
      expect(messages).to.include('1 of 3 rows of rounds are not as they were written');
      alter(
        'PRAGMA foreign_keys = OFF; DELETE FROM rounds WHERE sequence = 3; DELETE FROM evaluations WHERE sequence = 3',
      );
      expect((await verify()).findings.map(({ message }) => message)).to.include(
        'it stands at round 3, its log at round 2',
      );
    });

    it('says that a key is damaged', async () => {
      await writeFile(data('server.key'), 'short', { mode: 0o600 });
      await writeFile(data('join.code'), '!', { mode: 0o600 });
      const { findings } = await verify(true);
      expect(findings.map(({ kind, where }) => [kind, where])).to.deep.equal([
        ['lost', 'keys'],
        ['lost', 'keys'],
      ]);
    });
  });

  it('tells a damaged log from one that a power cut has torn', async () => {
    const wal = await readFile(data('fedloom.db-wal'));
    const { frames } = readWal(wal);
    expect(wal.length).to.be.at.least(32 + frames * 4_120); // SQLite: 32 bytes, then 24 and a page for each frame
    const torn = wal.subarray(0, 32 + frames * 4_120 - 1); // the last frame was not written out
    expect(readWal(torn)).to.deep.equal({ frames: frames - 1, unreadable: 0, unreadableCommits: 0 });
    await writeFile(data('fedloom.db-wal'), torn);
    expect((await verify()).findings.every(({ where }) => where !== 'write-ahead log')).to.equal(true);

    const damaged = Buffer.from(wal);
    damaged[32 + 24 + 100]! ^= 1; // in the page of the first frame
    const state = readWal(damaged);
    expect([state.frames, state.unreadable]).to.deep.equal([0, frames]);
    await writeFile(data('fedloom.db-wal'), damaged);
    const { findings } = await verify();
    expect(findings.find(({ where }) => where === 'write-ahead log')?.kind).to.equal('lost');
  });

  it('counts notes and repairs as whole, and nothing else', () => {
    const of = (kind: Finding['kind']): Finding => ({ kind, where: '', message: '' });
    expect(
      [of('note'), of('repaired'), of('repairable'), of('unsure'), of('lost')].map((one) => isWhole([one])),
    ).to.deep.equal([true, true, false, false, false]);
  });
});
