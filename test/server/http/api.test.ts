import { expect } from 'chai';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RoundDetail, RoundSummary, RunView } from '../../../server/operations.ts';
import { runId } from '../../../shared/ids.ts';
import { checkTask, encodeTask, type Task } from '../../../shared/tasks/task.ts';
import { floatBytes } from '../../../shared/weights.ts';
import { anna, hashOf, recordAfter, storedRound, storedRun } from '../../contracts/store.ts';
import { dashboardFolder } from '../../helpers/dashboard.ts';
import { bearer, errorOf, startHttp, type HttpFixture } from './fake-server.ts';

describe('the HTTP API', () => {
  const first = runId('first');
  let http: HttpFixture;
  let ready = true;
  beforeEach(async () => {
    ready = true;
    http = await startHttp({ ready: () => ready, limits: { maxWrongTokens: 5 } });
  });
  afterEach(() => http.close());
  const json = async (response: Response): Promise<unknown> => {
    expect(response.status).to.be.within(200, 299);
    return response.json();
  };

  it('says that it lives and whether it is ready, to everyone', async () => {
    expect(await json(await fetch(`${http.url}/healthz`))).to.deep.equal({ status: 'ok' });
    expect((await fetch(`${http.url}/readyz`)).status).to.equal(200);
    ready = false;
    expect((await fetch(`${http.url}/readyz`)).status).to.equal(503);
  });

  it('gives metrics to viewers and admins', async () => {
    http.metrics.round(recordAfter(first, null, 1), 2, 2);
    const text = await (await http.as('viewer', '/metrics')).text();
    expect(text).to.include('fl_round{run="first"} 1');
    expect(text).to.include('fl_participation_ratio 0.5'); // one report of a cohort of two
    expect((await fetch(`${http.url}/metrics`)).status).to.equal(401);
  });

  describe('who may do what', () => {
    it('lets admins act, viewers read, and clients neither', async () => {
      const statuses = async (path: string, method: string): Promise<number[]> =>
        Promise.all(
          (['admin', 'viewer', 'client'] as const).map(async (role) => (await http.as(role, path, { method })).status),
        );
      await http.store.createRun(storedRun('first'));
      expect(await statuses('/api/runs', 'GET')).to.deep.equal([200, 200, 403]);
      expect(await statuses('/api/runs/first/pause', 'POST')).to.deep.equal([200, 403, 403]);
      expect(await statuses('/api/server', 'GET')).to.deep.equal([200, 200, 403]);
      expect((await fetch(`${http.url}/api/runs`)).status).to.equal(401);
    });

    it('shows the join link to admins only', async () => {
      expect(await json(await http.as('admin', '/api/server'))).to.include({
        role: 'admin',
        joinLink: 'fedloom://secret',
      });
      expect(await json(await http.as('viewer', '/api/server'))).to.not.have.property('joinLink');
    });

    it('takes no token from the address', async () => {
      expect((await fetch(`${http.url}/api/runs?token=the-admin`)).status).to.equal(401);
    });

    it('slows down who guesses tokens, and nobody who has one', async () => {
      const guess = (): Promise<Response> =>
        fetch(`${http.url}/api/runs`, { headers: { Authorization: 'Bearer guess' } });
      for (let i = 0; i < 5; i++) expect(await errorOf(await guess())).to.deep.equal([401, 'NOT_AUTHORISED']);
      expect(await errorOf(await guess())).to.deep.equal([429, 'RATE_LIMITED']);
      expect((await http.as('viewer', '/api/runs')).status).to.equal(200);
    });

    it('refuses a change that a page of another origin asks for', async () => {
      const ask = (origin: string, method = 'POST'): Promise<Response> =>
        http.as('admin', '/api/runs/first/pause', { method, headers: { Origin: origin } });
      await http.store.createRun(storedRun('first'));
      for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:1']) {
        expect(await errorOf(await ask(origin))).to.deep.equal([403, 'ORIGIN_REFUSED']);
      }
      expect((await ask(http.url)).status).to.equal(200);
      const read = await http.as('admin', '/api/runs', { headers: { Origin: 'https://evil.example' } });
      expect(read.status).to.equal(200);
      expect(read.headers.get('access-control-allow-origin')).to.equal(null);
    });
  });

  describe('runs', () => {
    it('are created, listed, shown and removed', async () => {
      const created = await http.post('/api/runs', { config: { seed: 7 }, id: 'first' });
      expect([created.status, created.headers.get('location')]).to.deep.equal([201, '/api/runs/first']);
      expect(((await created.json()) as RunView).id).to.equal('first');
      expect(http.calls).to.deep.equal([['create', { seed: 7 }, 'first']]);
      expect(await json(await http.as('viewer', '/api/runs'))).to.have.length(1);
      expect(await json(await http.as('viewer', '/api/runs/first'))).to.include({ id: 'first', state: 'created' });
      expect(await json(await http.as('viewer', '/api/runs/first/config'))).to.have.property('seed', 7);
      const remove = (): Promise<Response> => http.as('admin', '/api/runs/first', { method: 'DELETE' });
      expect(await errorOf(await remove())).to.deep.equal([409, 'BAD_STATE']);
      await http.store.setRunState(first, 'stopped', null);
      expect(await json(await remove())).to.deep.equal({ removed: 'first' });
      expect(await errorOf(await http.as('admin', '/api/runs/first'))).to.deep.equal([404, 'NOT_FOUND']);
    });

    it('are stopped after their round, or at once', async () => {
      await http.store.createRun(storedRun('first'));
      await json(await http.post('/api/runs/first/stop'));
      await json(await http.post('/api/runs/first/stop', { now: true }));
      expect(await errorOf(await http.post('/api/runs/first/stop', { now: 'yes' }))).to.deep.equal([
        400,
        'BAD_ARGUMENT',
      ]);
      expect(http.calls).to.deep.equal([
        ['stop', 'first', { now: false }],
        ['stop', 'first', { now: true }],
      ]);
    });

    it('show their history without lists of clients, a round client by client, and the rounds of a client', async () => {
      await http.store.createRun(storedRun('first'));
      const one = recordAfter(first, null, 1);
      const two = recordAfter(first, one, 1, 'abandoned');
      const after = { weights: hashOf('1'), strategyState: null };
      await http.store.commitRound(first, storedRound(one), after);
      await http.store.commitRound(first, storedRound(two), after);
      const history = (await json(await http.as('viewer', '/api/runs/first/history'))) as RoundSummary[];
      expect(history.map(({ sequence, result, cohort, reports }) => [sequence, result, cohort, reports])).to.deep.equal(
        [
          [1, 'done', 2, 1],
          [2, 'abandoned', 2, 0],
        ],
      );
      expect(history[0]).to.not.have.property('record');
      expect(await json(await http.as('viewer', '/api/runs/first/history?after=1'))).to.deep.equal(history.slice(1));
      const attempts = (await json(await http.as('viewer', '/api/runs/first/rounds/1'))) as RoundDetail[];
      expect(attempts.map(({ timed, clients }) => [timed, clients.map(({ state }) => state)])).to.deep.equal([
        [false, ['reported', 'lost']],
        [false, ['abandoned', 'abandoned']],
      ]);
      expect(await json(await http.as('viewer', `/api/runs/first/clients/${anna}`))).to.deep.equal([
        { sequence: 1, round: 1, attempt: 1, result: 'done', counted: true, examples: 10, endedAt: 2_000 },
        { sequence: 2, round: 1, attempt: 1, result: 'abandoned', counted: false, examples: null, endedAt: 2_000 },
      ]);
      expect((await http.as('viewer', '/api/runs/first/rounds/x')).status).to.equal(400);
      expect((await http.as('viewer', '/api/runs/first/clients/x')).status).to.equal(400);
    });

    it('give a model to save: one file as it is, several as a zip archive', async () => {
      const run = storedRun('first');
      const task = await http.blobs.put(encodeTask(run.config.task));
      const weights = await http.blobs.put(floatBytes(Float32Array.of(1, 2, 3)));
      await http.store.createRun({ ...run, task, weights });
      const one = await http.as('viewer', '/api/runs/first/export?format=safetensors');
      expect(one.headers.get('content-disposition')).to.equal('attachment; filename="first-round-0.safetensors"');
      const bytes = Buffer.from(await one.arrayBuffer());
      expect(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString()).to.include('"F32"');
      const two = await http.as('viewer', '/api/runs/first/export?format=tfjs&round=last');
      expect(two.headers.get('content-type')).to.equal('application/zip');
      expect(two.headers.get('content-disposition')).to.include('first-round-0.zip');
      const archive = Buffer.from(await two.arrayBuffer()).toString('latin1');
      for (const name of ['model.json', 'weights.bin', 'MODEL_CARD.md']) expect(archive).to.include(name);
      expect(await errorOf(await http.as('viewer', '/api/runs/first/export?round=best'))).to.deep.equal([
        404,
        'NOT_FOUND',
      ]);
      expect((await http.as('viewer', '/api/runs/first/export?format=onnx')).status).to.equal(400);
      expect((await http.as('viewer', '/api/runs/first/export?round=1&round=2')).status).to.equal(400);
      expect((await http.as('client', '/api/runs/first/export')).status).to.equal(403);
    });

    it('can be made from the tasks that come along, and what has happened is told', async () => {
      const catalogue = (await json(await http.as('viewer', '/api/tasks'))) as { task: Task; parameters: number }[];
      const found = catalogue.find(({ task }) => task.name === 'mnist-2nn');
      expect(found?.parameters).to.equal(199_210); // McMahan et al. 2017, section 3
      expect(checkTask(found?.task)).to.deep.equal(found?.task);
      const event = http.events.add({ at: 1, run: null, type: 'run', message: 'A thing.', data: {} });
      expect(await json(await http.as('viewer', '/api/events/recent'))).to.deep.equal([event]);
    });

    it('show their rounds, and whether the log is whole', async () => {
      await http.store.createRun(storedRun('first'));
      const one = recordAfter(first, null, 1);
      const two = recordAfter(first, one, 2);
      const after = { weights: hashOf('1'), strategyState: null };
      for (const record of [one, two]) await http.store.commitRound(first, storedRound(record), after);
      expect(await json(await http.as('viewer', '/api/runs/first/rounds'))).to.have.length(2);
      expect(await json(await http.as('viewer', '/api/runs/first/rounds?after=1'))).to.deep.equal([storedRound(two)]);
      expect(await json(await http.as('viewer', '/api/runs/first/log'))).to.deep.equal({
        records: [one, two],
        intact: true,
      });
      const forged = { ...recordAfter(first, two, 3), reports: [] };
      await http.store.commitRound(first, storedRound(forged), after);
      expect(await json(await http.as('viewer', '/api/runs/first/log'))).to.have.property('intact', false);
      for (const bad of ['x', '-1', '1&after=2']) {
        expect((await http.as('viewer', `/api/runs/first/rounds?after=${bad}`)).status).to.equal(400);
      }
    });
  });

  describe('clients', () => {
    const hex = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f';
    const key = Uint8Array.from({ length: 32 }, (_, i) => i);

    it('are registered by their key in hex or base64url', async () => {
      const base64url = Buffer.from(key).toString('base64url');
      for (const publicKey of [hex, base64url]) {
        const response = await http.post('/api/clients', { publicKey, label: 'bench 3' });
        expect(await json(response)).to.deep.equal({ client: 'c'.repeat(32) });
      }
      expect(http.calls).to.deep.equal(Array.from({ length: 2 }, () => ['register', key, 'bench 3']));
      for (const body of [
        {},
        { publicKey: 'abc' },
        { publicKey: hex, label: 'x'.repeat(65) },
        { publicKey: hex, x: 1 },
      ]) {
        expect(await errorOf(await http.post('/api/clients', body))).to.deep.equal([400, 'BAD_ARGUMENT']);
      }
    });

    it('are excluded and let in again', async () => {
      const id = 'a'.repeat(32);
      expect(await json(await http.post(`/api/clients/${id}/exclude`))).to.deep.equal({ client: id, excluded: true });
      expect(await json(await http.post(`/api/clients/${id}/include`))).to.deep.equal({ client: id, excluded: false });
      expect((await http.post('/api/clients/nobody/exclude')).status).to.equal(400);
    });
  });

  describe('input that is wrong', () => {
    it('gets a clear answer in the one form', async () => {
      const cases: [string, unknown, number, string][] = [
        ['/api/runs', '{"config":', 400, 'BAD_ARGUMENT'],
        ['/api/runs', '[]', 400, 'BAD_ARGUMENT'],
        ['/api/runs', '"text"', 400, 'BAD_ARGUMENT'],
        ['/api/runs', undefined, 400, 'BAD_ARGUMENT'],
        ['/api/runs', { config: 1 }, 400, 'BAD_CONFIG'],
        ['/api/runs', { config: {}, id: 'NO' }, 400, 'BAD_ARGUMENT'],
        ['/api/runs', { config: {}, extra: 1 }, 400, 'BAD_ARGUMENT'],
        ['/api/runs/first/pause', undefined, 404, 'NOT_FOUND'],
        ['/api/runs/NO/pause', undefined, 400, 'BAD_ARGUMENT'],
        ['/api/nothing', undefined, 404, 'NOT_FOUND'],
      ];
      for (const [path, body, status, code] of cases) {
        expect(await errorOf(await http.post(path, body)), path).to.deep.equal([status, code]);
      }
      expect(({} as Record<string, unknown>)['polluted']).to.equal(undefined);
    });

    it('may be as long as a task where a run is created, and no longer', async () => {
      const config = (length: number): unknown => ({ config: { text: 'x'.repeat(length) } });
      expect((await http.post('/api/runs', config(200_000))).status).to.equal(201);
      expect(await errorOf(await http.post('/api/runs', config(300_000)))).to.deep.equal([413, 'TOO_LARGE']);
      expect(await errorOf(await http.post('/api/clients', config(70_000)))).to.deep.equal([413, 'TOO_LARGE']);
    });

    it('may not be compressed', async () => {
      const headers = { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' };
      const response = await http.as('admin', '/api/runs', { method: 'POST', headers, body: 'x' });
      expect(await errorOf(response)).to.deep.equal([415, 'BAD_ARGUMENT']);
    });

    it('may be a method that is not there, or an address that is broken', async () => {
      const send = async (method: string, path: string): Promise<[number, string | undefined]> => {
        const { status, headers, body } = await http.raw({ method, path, headers: bearer('admin') });
        if (method !== 'HEAD') expect(JSON.parse(body)).to.have.nested.property('error.code');
        return [status, headers.allow];
      };
      expect(await send('PUT', '/api/runs')).to.deep.equal([405, 'GET, HEAD, POST']);
      expect(await send('PROPFIND', '/api/runs/first')).to.deep.equal([405, 'GET, HEAD, DELETE']);
      expect(await send('GET', '/api/runs/first/pause')).to.deep.equal([405, 'POST']);
      expect(await send('POST', '/healthz')).to.deep.equal([405, 'GET, HEAD']);
      expect((await send('GET', '/api/runs/%E0%A4%A'))[0]).to.equal(400);
      expect((await send('GET', '/%E0%A4%A'))[0]).to.equal(404);
      expect((await send('GET', '/../../package.json'))[0]).to.equal(404);
      expect((await send('GET', '/%2e%2e/http/app.ts'))[0]).to.be.oneOf([403, 404]);
    });

    it("never shows what failed inside, or the server's paths", async () => {
      const response = await http.post('/api/runs/first/resume');
      const text = await response.text();
      expect(response.status).to.equal(500);
      expect(text).to.include('INTERNAL').and.not.include('/secret').and.not.include('at ');
    });

    it('comes at most so often', async () => {
      await http.close();
      http = await startHttp({ limits: { maxChanges: 3 } });
      for (let i = 0; i < 3; i++) expect((await http.post('/api/nothing')).status).to.equal(404);
      expect(await errorOf(await http.post('/api/nothing'))).to.deep.equal([429, 'RATE_LIMITED']);
      expect((await http.as('admin', '/api/runs')).status).to.equal(200);
    });
  });

  describe('the page', () => {
    before(async function () {
      this.timeout(20_000);
      await dashboardFolder();
    });
    beforeEach(async () => {
      await http.close();
      http = await startHttp({ dashboard: await dashboardFolder() });
    });

    it('is open to all, and names its files', async () => {
      const html = await (await fetch(`${http.url}/?token=anything`)).text();
      const files = [...html.matchAll(/(?:src|href)="([^":]+)"/g)].map(([, name]) => name!);
      expect(files).to.deep.equal(['page.css', 'page.js']);
      for (const name of files) expect((await fetch(`${http.url}/${name}`)).status).to.equal(200);
    });

    it('may run only its own files, holds nothing inline, and asks nobody else', async () => {
      const response = await fetch(http.url);
      const policy = response.headers.get('content-security-policy');
      expect(policy).to.include("default-src 'none'").and.not.include('unsafe');
      expect(response.headers.get('x-powered-by')).to.equal(null);
      const html = await response.text();
      expect(html).to.not.match(/<script(?![^>]* src=)|<style|\sstyle=|\son\w+=/i);
      for (const name of ['', 'page.css', 'page.js']) {
        const text = await (await fetch(`${http.url}/${name}`)).text();
        expect(text.replaceAll(/http:\/\/www\.w3\.org\/\d+\/\w+/g, '')).to.not.match(/https?:/);
        expect(text).to.not.match(/outerHTML|insertAdjacent|document\.write|\beval\(|new Function/);
      }
    });

    it('is said to be missing where it was not built', async () => {
      await http.close();
      http = await startHttp({ dashboard: join(tmpdir(), 'no-such-folder') });
      expect((await fetch(http.url)).status).to.equal(404);
    });
  });
});
