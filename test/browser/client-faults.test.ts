import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FederatedClient } from '../../client/node.ts';
import { runId } from '../../shared/ids.ts';
import type { RoundRecord } from '../../shared/round-log.ts';
import { ClientPages, exampleFile } from '../helpers/client-pages.ts';
import { Federation, simpleTrainer, tinyConfig } from '../helpers/federation.ts';
import type { MortalMessage, MortalTask } from '../helpers/mortal-server.ts';
import { Nursery } from '../helpers/mortal.ts';

const run = runId('tiny-1');
/** As `simpleTrainer` in Node; tells the site each time. */
const trainer = `
  export async function train({ weights, round }) {
    await fetch('/trained/' + round);
    return { delta: weights.map((w) => 0.5 - w / 4), examples: 10, metrics: { loss: 1 } };
  }
`;

describe('a client in a page', function () {
  this.timeout(120_000);
  let pages: ClientPages;
  let federation: Federation | undefined;

  before(async function () {
    const tiny = exampleFile({ xs: new Float32Array(8), ys: new Int32Array(1), count: 1 });
    pages = await ClientPages.open(this, { '/tiny.bin': tiny, '/train.js': Buffer.from(trainer) });
  });
  after(() => pages?.close());
  afterEach(async () => {
    await pages?.closeTabs();
    await federation?.close();
    federation = undefined;
  });

  const begin = async (allowedOrigins: string[], config: object = {}): Promise<Federation> => {
    federation = await Federation.open({ allowedOrigins });
    pages.allow(federation.server.url);
    await federation.server.operations.create(tinyConfig({ rounds: 2, minClients: 1, ...config }), run);
    return federation;
  };
  const options = (url: string) => ({ url, consent: 'given', data: '/tiny.bin', trainer: '/train.js' }) as const;

  it('says that it reconnects when the server is killed in mid-round, and goes on with the round afterwards', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'fedloom-page-'));
    const nursery = await Nursery.of<MortalMessage>('test/helpers/mortal-server.ts');
    const [first, second] = [nursery.take(), nursery.take()];
    const abort = new AbortController();
    const joined: Promise<void>[] = [];
    try {
      const allowedOrigins = [pages.origin];
      const kill = { step: 'sum-masked', count: 1 } as const;
      await first.tell({ dataDir, port: 0, allowedOrigins, kill } satisfies MortalTask);
      const { port, joinLink, adminToken } = (await first.next('listening'))!;
      pages.allow(`http://127.0.0.1:${port}`);
      first.process.send(tinyConfig({ rounds: 3, minReports: 3, secureAggregation: true }));
      const before = pages.site.requests.length;
      const tab = await pages.tab();
      await tab.join(options(joinLink));
      for (const seed of [1, 2]) {
        const client = new FederatedClient({
          url: joinLink,
          consent: 'given',
          seed,
          data: () => ({ xs: new Float32Array(8), ys: new Float32Array(1) }),
          trainer: simpleTrainer(),
        });
        joined.push(
          (async () => {
            for await (const _ of client.join({ signal: abort.signal })) void _;
          })(),
        );
      }
      await first.died;
      await tab.shown('connecting', 'server-unreachable');
      const { message } = (await tab.seen()).states.at(-1)!;
      expect(message).to.equal('Waiting to reconnect: the server does not answer.');
      await second.tell({ dataDir, port, allowedOrigins, kill: null } satisfies MortalTask);
      expect(await tab.ended()).to.equal('left');
      const response = await fetch(`http://127.0.0.1:${port}/api/runs/tiny-1/log`, {
        headers: { authorization: `Bearer ${adminToken}` },
      });
      const { records } = (await response.json()) as { records: RoundRecord[] };
      expect(records.map(({ round, result, reports }) => [round, result, reports.length])).to.deep.equal([
        [1, 'done', 3],
        [2, 'done', 3],
        [3, 'done', 3],
      ]);
      const trained = pages.site.requests.slice(before).filter((path) => path.startsWith('/trained/'));
      expect(trained, 'once for each round').to.deep.equal(['/trained/1', '/trained/2', '/trained/3']);
    } finally {
      abort.abort();
      await Promise.allSettled(joined);
      await Promise.all([first.kill(), second.kill(), nursery.close()]);
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  it('of an origin that is not allowed opens no session, and reads neither API nor models', async () => {
    const { server, events } = await begin(['https://app.example']);
    const tab = await pages.tab();
    await tab.join(options(server.joinLink));
    await tab.shown('connecting', 'server-unreachable');
    expect(await server.operations.clients()).to.deep.equal([]);
    expect(events.filter(({ type }) => type === 'client')).to.deep.equal([]);
    const read = (path: string, method: string): Promise<string> =>
      tab.page.evaluate(
        async ([url, token, verb]) =>
          fetch(url, { method: verb, headers: { authorization: `Bearer ${token}` } }).then(
            async (response) => `read ${await response.text()}`,
            () => 'refused',
          ),
        [`${server.url}${path}`, server.adminToken, method] as const,
      );
    for (const path of ['/api/runs', '/api/server', '/metrics', `/v1/blobs/${'0'.repeat(64)}`]) {
      expect(await read(path, 'GET'), path).to.equal('refused');
    }
    expect(await read(`/api/runs/${run}/stop`, 'POST')).to.equal('refused');
    expect((await server.operations.run(run))!.state).to.equal('waiting');
  });

  it('of an allowed origin fetches models, and still reads nothing of the API', async () => {
    const { server } = await begin([pages.origin]);
    const tab = await pages.tab();
    const status = await tab.page.evaluate(
      async ([url, token]) =>
        fetch(url, { headers: { authorization: `Bearer ${token}` } }).then(
          ({ status: found }) => found,
          () => 'refused',
        ),
      [`${server.url}/api/runs`, server.adminToken] as const,
    );
    expect(status).to.equal('refused');
  });

  it("trains in the page's own thread where the page's policy has no workers", async () => {
    for (const [policy, workers] of [
      ["'self'", 1],
      ["'none'", 0],
    ] as const) {
      const { server, close } = await begin([pages.origin]).then((one) => ({
        server: one.server,
        close: () => one.close(),
      }));
      pages.allow(server.url, policy);
      const tab = await pages.tab();
      await tab.join(options(server.joinLink));
      expect(await tab.ended()).to.equal('left');
      expect((await tab.outcomes()).map(({ counted }) => counted)).to.deep.equal([true, true]);
      expect(tab.page.workers(), policy).to.have.length(workers);
      await close();
    }
    federation = undefined;
  });

  it('waits for the charger where it is told to, and begins as soon as it is connected', async () => {
    const { server } = await begin([pages.origin]);
    const tab = await pages.tab();
    await tab.ask('battery', false, 0.5);
    await tab.join({
      ...options(server.joinLink),
      when: { charging: true, minBattery: 0.3, unmetered: true, cool: true },
    });
    await tab.shown('ineligible', 'not-charging');
    expect(await tab.outcomes()).to.deep.equal([]);
    await tab.ask('battery', true, 0.5);
    expect(await tab.ended()).to.equal('left');
    expect(await tab.outcomes()).to.have.length(2);
  });

  it('says what is wrong with its options and its data', async () => {
    const { server } = await begin([pages.origin]);
    const tab = await pages.tab();
    const wrong = await tab
      .make({ ...options(server.joinLink), url: 'nonsense' })
      .catch((error: unknown) => String(error));
    expect(wrong).to.include('link');
    await tab.join({ ...options(server.joinLink), trainer: '/nothing.js' });
    await tab.page.waitForFunction(
      () => (globalThis as unknown as { fedloomPage: { seen: { problems: string[] } } }).fedloomPage.seen.problems[0],
    );
    expect((await tab.seen()).problems[0]).to.equal('TRAINING_FAILED');
  });
});
