import { expect } from 'chai';
import { appendFile, mkdir, readdir, readFile, rename, rm, rmdir, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { auditFile } from '../../../server/access/audit-files.ts';
import { AuditLog, type AuditOptions } from '../../../server/access/audit-log.ts';
import { readAudit } from '../../../server/access/read-audit.ts';
import { useFolder } from '../../contracts/folder.ts';
import { fedloom } from '../../helpers/command.ts';
import { Federation } from '../../helpers/federation.ts';
import { useSmallDisk } from '../../helpers/small-disk.ts';

describe('the audit log', () => {
  const folder = useFolder();
  const entry = (action: string) => ({ at: 1, who: 'admin', address: '::1', action, status: 200 });
  const path = (): string => join(folder(), auditFile);
  /** Timers that a test lets go off. */
  let timers: (() => void)[] = [];
  const said: (string | null)[] = [];
  const open = (options: Partial<AuditOptions> = {}, dataDir = folder()): Promise<AuditLog> =>
    AuditLog.open(dataDir, {
      after: (_, run) => {
        timers.push(run);
        return () => {
          timers = timers.filter((each) => each !== run);
        };
      },
      now: () => 2,
      onState: (failure) => said.push(failure && (failure as NodeJS.ErrnoException).code!),
      ...options,
    });
  const goOff = (): void => {
    for (const run of timers.splice(0)) run();
  };
  const fill = async (...actions: string[]): Promise<void> => {
    const log = await open();
    for (const action of actions) log.add(entry(action));
    await log.close();
  };
  const actions = async (dataDir = folder()): Promise<string[]> => {
    const { entries, brokenAt } = await readAudit(dataDir);
    expect(brokenAt).to.equal(null);
    return entries.map(({ action }) => action);
  };
  /** Until what was asked of the file system is done. */
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
  };
  beforeEach(() => {
    timers = [];
    said.length = 0;
  });

  it('goes on where it was, also after a line that a crash has cut off', async () => {
    await fill('a', 'b');
    await appendFile(path(), '{"sequence":3,"at":1,"wh');
    await fill('c');
    expect(await actions()).to.deep.equal(['a', 'b', 'c']);
  });

  it('is whole for a reader while the server writes it and puts files aside', async () => {
    const log = await open({ fileBytes: 400, olderFiles: 3 });
    log.add(entry('first'));
    await until(() => log.state.waiting === 0);
    let isWriting = true;
    const writing = (async (): Promise<void> => {
      for (let i = 0; i < 150; i++) {
        log.add(entry(`a ${i}`));
        await until(() => log.state.waiting === 0);
      }
      isWriting = false;
    })();
    let readings = 0;
    for (; isWriting; readings++) expect((await readAudit(folder())).brokenAt).to.equal(null);
    await writing;
    await log.close();
    expect(readings).to.be.above(3);
  });

  it('shows where an entry was changed, taken out or put in', async () => {
    await fill('a', 'b', 'c', 'd');
    const lines = (await readFile(path(), 'utf8')).trimEnd().split('\n');
    const broken = async (changed: readonly string[]): Promise<number | null> => {
      await writeFile(path(), `${changed.join('\n')}\n`);
      return (await readAudit(folder())).brokenAt;
    };
    expect(await broken(lines)).to.equal(null);
    expect(await broken(lines.with(1, lines[1]!.replace('"b"', '"x"')))).to.equal(2);
    expect(await broken(lines.toSpliced(2, 1))).to.equal(3);
    expect(await broken(lines.toSpliced(2, 0, lines[1]!))).to.equal(3);
    expect(await broken(lines.slice(1)), 'the first is gone, and nobody says why').to.equal(2);
    expect((await fedloom(['audit', folder()])).code).to.equal(1);
  }).timeout(30_000);

  it('reads the end of its file alone when it starts, however long that is', async () => {
    await fill('a');
    const last = await readFile(path(), 'utf8');
    await writeFile(path(), '');
    const megabyte = Buffer.alloc(2 ** 20, '#');
    for (let i = 0; i < 300; i++) await appendFile(path(), megabyte);
    await appendFile(path(), `\n${last}`);
    const before = process.memoryUsage();
    const log = await open({ fileBytes: 1e12 });
    const { rss, arrayBuffers } = process.memoryUsage();
    expect([rss - before.rss, arrayBuffers - before.arrayBuffers].every((grown) => grown < 50 * 2 ** 20)).to.equal(
      true,
    );
    log.add(entry('b'));
    await log.close();
    const tail = (await readFile(path())).subarray(-2_000).toString().split('\n').at(-2)!;
    expect(JSON.parse(tail)).to.include({
      sequence: 2,
      action: 'b',
      previous: (JSON.parse(last) as { hash: string }).hash,
    });
  }).timeout(30_000);

  it('refuses a file whose last line is none of its own', async () => {
    for (const text of ['nonsense\n', `${'x'.repeat(100_000)}\n`, 'x'.repeat(100_000)]) {
      await writeFile(path(), text);
      const error = await open().catch((thrown: unknown) => thrown);
      expect(error).to.include({ code: 'BAD_FILE' });
    }
  });

  it('puts a full file aside, keeps so many, says that the oldest are gone, and goes on with one chain', async () => {
    const options = { fileBytes: 2_000, olderFiles: 3 };
    let log = await open(options);
    for (let i = 1; i <= 60; i++) {
      log.add(entry(`action ${i}`));
      if (i % 7 === 0) {
        await log.close();
        log = await open(options);
      }
    }
    await log.close();
    const names = await readdir(folder());
    expect(names).to.have.length(4);
    for (const name of names) expect((await stat(join(folder(), name))).size).to.be.below(6_000);
    const { entries, brokenAt, forgotten } = await readAudit(folder());
    expect(brokenAt).to.equal(null);
    expect(forgotten).to.be.above(7);
    expect(entries[0]!.sequence).to.equal(forgotten + 1);
    expect(entries.filter(({ action }) => action.startsWith('forget entries to')).length).to.be.above(0);
    expect(entries.at(-1)!.action).to.equal('action 60');
    const told = await fedloom(['audit', folder(), '--json']);
    expect(JSON.parse(told.out)).to.include({ forgotten, brokenAt: null });
    // A file that somebody else takes away shows.
    await rm(join(folder(), names.toSorted()[0]!));
    expect((await readAudit(folder())).brokenAt).to.be.a('number');
  }).timeout(30_000);

  it('goes on after a crash at any moment of putting a file aside', async () => {
    const options = { fileBytes: 500, olderFiles: 1 };
    const log = await open(options);
    for (const action of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
      log.add(entry(action));
      await log.close();
    }
    // It had put the file aside, and not begun the next.
    const [older] = (await readdir(folder())).filter((name) => name !== auditFile);
    const { entries } = await readAudit(folder());
    await rename(path(), join(folder(), `audit-${String(entries.at(-1)!.sequence).padStart(12, '0')}.jsonl`));
    expect((await actions()).at(-1)).to.equal('h');
    await (async () => {
      const next = await open(options);
      next.add(entry('i'));
      await next.close();
    })();
    expect((await actions()).at(-1)).to.equal('i');
    // What it meant to remove, and had said so, is there still.
    expect(await readdir(folder())).to.include(older!);
    const more = await open(options);
    for (const action of ['j', 'k', 'l', 'm']) more.add(entry(action));
    await more.close();
    await actions();
  });

  it('says that it cannot write, keeps what is done meanwhile, and writes it when it can', async () => {
    const log = await open();
    log.add(entry('a'));
    await log.close(); // which waits until it is written
    const reopened = await open();
    await rename(path(), `${path()}.away`);
    await mkdir(path()); // nothing can be appended to that
    reopened.add(entry('b'));
    await until(() => said.length > 0);
    for (let i = 0; i < 1_500; i++) reopened.add(entry(`c ${i}`));
    goOff(); // once more, for nothing
    await until(() => timers.length > 0);
    expect(said, 'once').to.deep.equal(['EISDIR']);
    expect(reopened.state).to.deep.include({ waiting: 1_000, lost: 501 });
    expect(reopened.state.failure).to.match(/EISDIR/);
    await rmdir(path());
    await rename(`${path()}.away`, path());
    goOff();
    await until(() => said.length > 1);
    expect(said).to.deep.equal(['EISDIR', null]);
    expect(reopened.state).to.deep.equal({ failure: null, waiting: 0, lost: 0 });
    await reopened.close();
    const all = await actions();
    expect(all.slice(0, 3)).to.deep.equal(['a', 'b', 'c 0']);
    expect(all.slice(-2)).to.deep.equal(['c 998', '501 entries lost: the disk took none']);
  });

  describe('on a disk that takes nothing more', () => {
    let federation: Federation | null = null;
    afterEach(async () => {
      await federation?.close();
      federation = null;
    });
    const disk = useSmallDisk();
    const errors: string[] = [];
    const log = { debug() {}, info() {}, warn() {}, error: (_: object, text: string) => void errors.push(text) };
    const ask = async (method: string, what: string): Promise<Response> => {
      const { url, adminToken } = federation!.server;
      return fetch(`${url}${what}`, { method, headers: { authorization: `Bearer ${adminToken}` } });
    };
    const failing = async (): Promise<string> =>
      /^fl_audit_failing (\d)$/m.exec(await (await ask('GET', '/metrics')).text())![1]!;

    it('lets the operator go on, and says so in the log, the metrics and the status; nothing is lost', async () => {
      const dataDir = join(disk().path, 'data');
      federation = await Federation.open({ dataDir, log });
      const filler = join(disk().path, 'filler');
      const { bavail, bsize } = await statfs(disk().path);
      await writeFile(filler, new Uint8Array(bavail * bsize)).catch(() => {}); // as much of it as there is room for
      for (let i = 0; i < 40; i++) expect((await ask('POST', `/api/runs/none-${i}/stop`)).status).to.equal(404);
      await until(() => errors.length > 0);
      expect(errors.filter((text) => text.startsWith('the audit log cannot be written'))).to.have.length(1);
      expect(await failing()).to.equal('1');
      const { audit } = (await (await ask('GET', '/api/server')).json()) as {
        audit: { failure: string; waiting: number };
      };
      expect(audit.failure).to.match(/ENOSPC/);
      expect(audit.waiting).to.be.above(0);
      await rm(filler);
      await until(() => federation!.server.operations.info().audit.failure === null);
      expect(await failing()).to.equal('0');
      await federation.server.close();
      expect((await actions(dataDir)).filter((action) => /none-\d+.stop$/.test(action))).to.have.length(40);
      await federation.restart();
    }).timeout(60_000);

    it('does the same when it may only be read, and tells at the end what it could not write', async () => {
      errors.length = 0;
      federation = await Federation.open({ dataDir: join(disk().path, 'data'), log });
      await disk().fail();
      expect((await ask('POST', '/api/runs/none/stop')).status).to.equal(404);
      await until(() => errors.length > 0);
      expect(await failing()).to.equal('1');
      await federation.server.close().catch(() => {});
      expect(errors.at(-1)).to.match(/entries of the audit log could not be written and are lost/);
      await disk().mend();
      await federation.restart();
    }).timeout(60_000);
  });
});
