import { expect } from 'chai';
import Database from 'libsql';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { isLocked } from '../../../server/store/lock.ts';
import { openStore } from '../../../server/store/open.ts';
import { runId } from '../../../shared/ids.ts';
import { findBreak } from '../../../shared/round-log.ts';
import { useFolder } from '../../contracts/folder.ts';
import { refuses, storedRun } from '../../contracts/store.ts';

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

describe('openStore', () => {
  const folder = useFolder();
  const first = runId('first');

  it('makes a folder that only its owner may enter', async () => {
    const dataDir = join(folder(), 'deep', 'data');
    const opened = await openStore(dataDir);
    expect((await stat(dataDir)).mode & 0o777).to.equal(0o700);
    expect(opened.dataDir).to.equal(dataDir);
    await opened.close();
  });

  it('lets one owner in at a time, and names the server that it is', async () => {
    const opened = await openStore(folder());
    await writeFile(join(folder(), 'server.json'), JSON.stringify({ url: 'http://127.0.0.1:8080', pid: 4711 }));
    const second = openStore(folder());
    await refuses(second, 'STORE_LOCKED');
    await second.catch((error: Error) => expect(error.message).to.include('http://127.0.0.1:8080 (process 4711)'));
    expect(isLocked(folder())).to.equal(true);
    await opened.close();
    await opened.close(); // harmless
    expect(isLocked(folder())).to.equal(false);
    await (await openStore(folder())).close();
  });

  it('lets readers in beside the owner', async () => {
    const owner = await openStore(folder());
    await owner.store.createRun(storedRun('first'));
    const id = await owner.blobs.put(Buffer.from('weights'));
    const reader = await openStore(folder(), { lock: false });
    expect(await reader.store.runs()).to.have.length(1);
    expect(Buffer.from(await reader.blobs.get(id)).toString()).to.equal('weights');
    await reader.close();
    expect(isLocked(folder())).to.equal(true);
    await owner.close();
  });

  it('lets a reader of a newer version in only when no server of the older one is at work', async () => {
    const owner = await openStore(folder());
    const other = new Database(join(folder(), 'fedloom.db'));
    const tables = ['runs', 'removed_runs', 'attempts', 'rounds', 'evaluations', 'clients'];
    other.exec(tables.map((table) => `ALTER TABLE ${table} DROP COLUMN seal;`).join('\n'));
    other.exec('ALTER TABLE attempts DROP COLUMN bases; DROP TABLE pruned_models');
    other.exec('PRAGMA user_version = 2');
    other.close();
    await refuses(openStore(folder(), { lock: false }), 'STORE_LOCKED');
    await owner.close();
    await (await openStore(folder(), { lock: false })).close();
    expect(isLocked(folder())).to.equal(false);
  });

  it('makes nothing for a reader', async () => {
    await refuses(openStore(join(folder(), 'none'), { lock: false }), 'NOT_FOUND');
    expect(existsSync(join(folder(), 'none'))).to.equal(false);
    expect(isLocked(join(folder(), 'none'))).to.equal(false);
  });

  it('gives the lock back when the store cannot be opened', async () => {
    await writeFile(join(folder(), 'fedloom.db'), 'this is no database, but it is longer than nothing at all');
    await refuses(openStore(folder()), 'STORE_CORRUPT');
    expect(isLocked(folder())).to.equal(false);
  });

  it('says when the folder cannot be made', async () => {
    await writeFile(join(folder(), 'file'), '');
    await refuses(openStore(join(folder(), 'file', 'data')), 'BAD_FILE');
  });

  describe('after a kill -9', () => {
    let child: ChildProcess | undefined;
    afterEach(() => child?.kill('SIGKILL'));

    it('has every acknowledged commit, a chain that holds, and a free lock', async function () {
      this.timeout(60_000);
      let acknowledged = 0;
      for (const wanted of [1, 7, 20]) {
        child = spawn(process.execPath, ['--import=tsx', script('commit-loop.ts'), folder()], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        let lines = 0;
        for await (const line of createInterface({ input: child.stdout! })) {
          acknowledged = Number(line);
          if (lines === 0) await refuses(openStore(folder()), 'STORE_LOCKED');
          if (++lines === wanted) child.kill('SIGKILL');
        }
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');

        const { store, blobs, close } = await openStore(folder());
        const run = await store.run(first);
        const records = (await store.rounds(first)).map(({ record }) => record);
        expect(findBreak(records)).to.equal(-1);
        expect(run.round).to.equal(records.length);
        // The word of the last commit may have been cut off with its process.
        expect(records.length).to.be.within(acknowledged, acknowledged + 1);
        expect(await blobs.get(run.weights)).to.have.length(20_000);
        await close();
      }
    });
  });

  it('says when the disk is full, and goes on when there is room again', async function () {
    this.timeout(60_000);
    const disk = join(folder(), 'disk');
    await mkdir(disk);
    // A disk of 2 MiB in a mount namespace of the child's own, which ends with it.
    const commands = 'mount -t tmpfs -o size=2m tmpfs "$0" || exit 99; exec "$@"';
    const node = [process.execPath, '--import=tsx', script('fill-disk.ts'), join(disk, 'data')];
    const child = spawnSync('unshare', ['-rm', 'sh', '-c', commands, disk, ...node], { encoding: 'utf8' });
    // Where mounting in a namespace of one's own is not allowed, there is no small disk to fill.
    if (child.error !== undefined || child.status === 99 || child.stderr.startsWith('unshare:')) this.skip(); // may not mount
    expect(child.stderr).to.equal('');
    const { sequences, next, ...codes } = JSON.parse(child.stdout) as { sequences: number[]; next: number };
    expect(codes).to.deep.equal({ large: 'STORE_FULL', drafts: [], small: 'STORE_FULL', row: 'STORE_FULL' });
    expect(sequences).to.deep.equal(Array.from({ length: next - 1 }, (_, i) => i + 1));
  });
});
