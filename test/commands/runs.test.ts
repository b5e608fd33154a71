import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openStore, type OpenedStore } from '../../server/store/open.ts';
import { runId } from '../../shared/ids.ts';
import { useFolder } from '../contracts/folder.ts';
import { hashOf, recordAfter, storedRound, storedRun } from '../contracts/store.ts';

const entry = fileURLToPath(new URL('../../cli.ts', import.meta.url));

interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** `fedloom runs ...` in a process of its own. */
const fedloom = (...args: string[]): Promise<Outcome> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, ['--import=tsx', entry, 'runs', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (data: Buffer) => (out += data.toString()));
    child.stderr.on('data', (data: Buffer) => (err += data.toString()));
    child.on('close', (code) => resolve({ code, out, err }));
  });

describe('fedloom runs', function () {
  this.timeout(60_000);
  const folder = useFolder();
  const first = runId('first');
  const dir = (): string[] => ['--data-dir', folder()];

  describe('without a server', () => {
    beforeEach(async () => {
      const { store, close } = await openStore(folder());
      await store.createRun(storedRun('first', { state: 'finished' }));
      await store.createRun(storedRun('second', { state: 'running' }));
      const one = storedRound(recordAfter(first, null, 1));
      await store.commitRound(first, one, { weights: hashOf('1'), strategyState: null });
      await store.setEvaluation(first, 1, { accuracy: 0.875, loss: 0.5 });
      await close();
    });

    it('lists the runs of the folder', async () => {
      const { code, out, err } = await fedloom('ls', ...dir());
      expect(code).to.equal(0);
      const [head, ...rows] = out
        .trim()
        .split('\n')
        .map((line) => line.split(/\s{2,}/));
      expect(head?.slice(0, 3)).to.deep.equal(['RUN', 'STATE', 'ROUND']);
      expect(rows.map((row) => row.slice(0, 7))).to.deep.equal([
        ['first', 'finished', '1/100', 'digits', 'fedavg', '0.8750', '0.5000'],
        ['second', 'running', '0/100', 'digits', 'fedavg', '-', '-'],
      ]);
      expect(err).to.include('No server is running');
      const json = JSON.parse((await fedloom('ls', '--json', ...dir())).out) as {
        runs: { id: string }[];
        server: null;
      };
      expect(json.runs.map(({ id }) => id)).to.deep.equal(['first', 'second']);
      expect(json.server).to.equal(null);
    });

    it('shows the rounds of a run, and that its log holds', async () => {
      const { code, out, err } = await fedloom('show', 'first', ...dir());
      expect(code).to.equal(0);
      expect(out).to.match(/^1 +1 +1 +done +1\/2 +0\.8750 +0\.5000 +1\.0 +111111111111$/m);
      expect(err).to.include('The log holds: 1 records');
      const { out: json } = await fedloom('show', 'first', '--json', ...dir());
      expect(JSON.parse(json)).to.include({ intact: true, server: null });
    });

    it('says when the log was changed', async () => {
      const { store, close } = await openStore(folder());
      const [one] = await store.rounds(first);
      const forged = { ...recordAfter(first, one!.record, 2), reports: [] };
      await store.commitRound(first, storedRound(forged), { weights: hashOf('2'), strategyState: null });
      await close();
      expect((await fedloom('show', 'first', ...dir())).err).to.include('The log is broken at record 2');
    });

    it('removes a run that is over, and no other', async () => {
      expect(JSON.parse((await fedloom('rm', 'first', '--json', ...dir())).out)).to.deep.equal({ removed: 'first' });
      const { code, out, err } = await fedloom('rm', 'second', '--json', ...dir());
      expect(code).to.equal(1);
      expect(JSON.parse(out)).to.have.nested.property('error.code', 'BAD_STATE');
      expect(err).to.include('run second is running');
      const { store, close } = await openStore(folder(), { lock: false });
      expect((await store.runs()).map(({ id }) => id)).to.deep.equal(['second']);
      await close();
    });

    it('steers nothing, and says why', async () => {
      const { code, err } = await fedloom('pause', 'second', ...dir());
      expect(code).to.equal(1);
      expect(err).to.include('no server is running').and.include('[BAD_STATE]');
    });

    it('does not send the admin token to a program that has the old port', async () => {
      let asked = 0;
      const stranger = createServer((_, res) => (asked++, res.end('{}')));
      await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
      const { port } = stranger.address() as AddressInfo;
      await writeFile(join(folder(), 'server.json'), JSON.stringify({ url: `http://127.0.0.1:${port}`, pid: 1 }));
      await writeFile(join(folder(), 'admin.token'), 'secret');
      expect((await fedloom('ls', ...dir())).code).to.equal(0);
      expect(asked).to.equal(0);
      await new Promise((resolve) => stranger.close(resolve));
    });
  });

  it('refuses bad usage with code 2', async () => {
    expect((await fedloom('show', 'NO!', ...dir())).code).to.equal(2);
    expect((await fedloom('ls', '--data-dir', join(folder(), 'none'))).code).to.equal(1);
  });

  describe('with a server', () => {
    let owner: OpenedStore;
    let server: Server;
    const asked: string[] = [];
    beforeEach(async () => {
      asked.length = 0;
      await mkdir(folder(), { recursive: true });
      owner = await openStore(folder());
      server = createServer((req, res) => {
        let body = '';
        req.on('data', (data: Buffer) => (body += data.toString()));
        req.on('end', () => {
          asked.push(`${req.method} ${req.url} ${body} ${req.headers.authorization}`);
          res.statusCode = req.url === '/api/runs/second/pause' ? 409 : 200;
          const error = { code: 'BAD_STATE', message: 'run second is over' };
          res.end(
            JSON.stringify(res.statusCode === 409 ? { error } : { id: 'first', state: 'stopping', message: 'Soon.' }),
          );
        });
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      await writeFile(
        join(folder(), 'server.json'),
        JSON.stringify({ url: `http://127.0.0.1:${port}`, pid: process.pid }),
      );
      await writeFile(join(folder(), 'admin.token'), 'secret\n');
    });
    afterEach(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await owner.close();
    });

    it('asks it, with the admin token of the folder', async () => {
      const { code, err } = await fedloom('stop', 'first', '--now', ...dir());
      expect(code).to.equal(0);
      expect(err).to.equal('first: stopping. Soon.\n');
      expect(asked).to.deep.equal(['POST /api/runs/first/stop {"now":true} Bearer secret']);
    });

    it('hands on what it refuses', async () => {
      const { code, err } = await fedloom('pause', 'second', ...dir());
      expect(code).to.equal(1);
      expect(err).to.include('run second is over [BAD_STATE]');
    });

    it('says when it does not answer', async () => {
      await writeFile(join(folder(), 'server.json'), JSON.stringify({ url: 'http://127.0.0.1:1', pid: process.pid }));
      const { code, err } = await fedloom('rm', 'first', ...dir());
      expect(code).to.equal(1);
      expect(err).to.include('[CONNECTION_REFUSED]');
    });
  });
});
