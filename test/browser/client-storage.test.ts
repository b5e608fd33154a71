import { expect } from 'chai';
import type { BrowserContext } from 'playwright-core';
import { runId } from '../../shared/ids.ts';
import { taskByName } from '../../shared/tasks/catalog.ts';
import type { Examples } from '../../shared/engine/engine.ts';
import { loadData } from '../../simulations/datasets/registry.ts';
import { ClientPages, exampleFile } from '../helpers/client-pages.ts';
import { Federation, tinyConfig } from '../helpers/federation.ts';
import { NarrowProxy } from '../helpers/narrow-proxy.ts';

const run = runId('kept-1');
const d = 40_000; // 160 kB an update, in 40 chunks

/** A training of the page's own, which tells the site each time it is begun. */
const trainer = `
  export async function train({ weights, round }) {
    await fetch('/trained/' + round);
    return { delta: weights.map((w) => 0.5 - w / 4) };
  }
`;

describe('what a page keeps', function () {
  this.timeout(120_000);
  let pages: ClientPages;
  let federation: Federation;
  let proxy: NarrowProxy | undefined;
  let digits: Examples;

  before(async function () {
    digits = (await loadData('mnist-10k:0/32')) as Examples;
    const tiny = exampleFile({ xs: new Float32Array(d), ys: new Int32Array(1), count: 1 });
    const files = { '/tiny.bin': tiny, '/digits.bin': exampleFile(digits), '/train.js': Buffer.from(trainer) };
    pages = await ClientPages.open(this, files);
  });
  after(() => pages?.close());
  afterEach(async () => {
    await pages?.closeTabs();
    proxy?.close();
    await federation?.close();
  });

  const begin = async (config: Parameters<typeof tinyConfig>[0] = {}): Promise<void> => {
    federation = await Federation.open({
      allowedOrigins: [pages.origin],
      limits: { chunkBytes: 4_096, windowBytes: 8_192, ackBytes: 4_096, rejoinGrace: 20_000 },
    });
    pages.allow(federation.server.url);
    await federation.server.operations.create(tinyConfig({ rounds: 1, minClients: 1, ...config }, d), run);
  };
  const options = (link = federation.server.joinLink) =>
    ({ url: link, consent: 'given', data: '/tiny.bin', trainer: '/train.js' }) as const;
  const trainings = (): string[] => pages.site.requests.filter((path) => path.startsWith('/trained/'));

  it('an update, so that a reload in the middle of its upload goes on with it: trained once, counted once', async () => {
    await begin();
    proxy = await NarrowProxy.open(federation.server.port, 60_000);
    pages.allow(`http://127.0.0.1:${proxy.port}`);
    const link = federation.server.joinLink.replace(`:${federation.server.port}`, `:${proxy.port}`);
    const before = trainings().length;
    const tab = await pages.tab();
    await tab.join(options(link));
    await proxy.stalled;
    expect((await tab.seen()).states.at(-1)!.state).to.equal('uploading');
    expect(await tab.ask('stored')).to.include('update.bin');
    proxy.limit = Infinity;
    await tab.page.reload();
    await tab.join(options(link));
    expect(await tab.ended()).to.equal('left');
    expect((await tab.outcomes()).map(({ result, counted }) => [result, counted])).to.deep.equal([['done', true]]);
    expect(trainings().length - before).to.equal(1);
    const log = await federation.server.operations.rounds(run);
    expect(log.map(({ record }) => record.reports.length)).to.deep.equal([1]);
    const { sent, update } = await tab.call((client) => client.inspect());
    expect(sent.find(({ message }) => message === 'chunk')!.count, 'of 40').to.be.within(1, 30);
    expect(update).to.deep.include({ encoding: 'clear', bytes: 4 * d });
    expect(await tab.ask('stored')).to.have.members(['identity', 'model.bin']);
  });

  it('a key that no script can read, which is the same at the next visit', async () => {
    await begin({ rounds: 2, minClients: 1 });
    const tab = await pages.tab();
    await tab.join(options());
    await tab.ended();
    expect(await tab.ask('canExportKey')).to.equal(false);
    await tab.page.reload();
    await tab.join(options());
    await tab.ended();
    expect(await federation.server.operations.clients()).to.have.length(1);
  });

  it('the newest model, with which a page predicts when there is no server', async () => {
    federation = await Federation.open({ allowedOrigins: [pages.origin] });
    pages.allow(federation.server.url);
    await federation.server.operations.create(
      { task: taskByName('mnist-2nn'), rounds: 2, minClients: 1, secureAggregation: false, evaluateEvery: 0, seed: 1 },
      run,
    );
    const tab = await pages.tab();
    const own = { url: federation.server.joinLink, consent: 'given', data: '/digits.bin' } as const;
    await tab.join(own);
    await tab.ended();
    await federation.close();
    await tab.page.reload();
    await tab.make(own);
    const { round, weights } = await tab.call(async (client) => {
      const model = await client.model();
      return { round: model.round, weights: model.weights.length };
    });
    expect([round, weights]).to.deep.equal([2, 199_210]);
    expect(await tab.ask('accuracy', '/digits.bin')).to.be.above(0.5); // of ten digits
    federation = undefined as never;
  });

  it('nothing once the consent is revoked, and the client has left', async () => {
    await begin({ rounds: 50, minClients: 2 });
    const tab = await pages.tab();
    await tab.join({ ...options(), consent: 'required' });
    await tab.shown('needs-consent');
    expect(await tab.ask('stored')).to.deep.equal([]);
    expect(await federation.server.operations.clients(), 'nobody has connected').to.deep.equal([]);
    await tab.call((client) => client.consent.grant('We send model updates.'));
    federation.join({ training: { delta: ({ weights }) => new Float32Array(weights.length) } });
    await federation.event(({ type, data }) => type === 'round' && data['round'] === 3);
    expect(await tab.ask('stored')).to.include.members(['consent.json', 'identity', 'model.bin']);
    await tab.call((client) => client.consent.revoke());
    expect(await tab.ended()).to.equal('left');
    expect(await tab.ask('stored')).to.deep.equal(['consent.json']);
    const record = await tab.call(async (client) => client.consent.record);
    expect(record).to.include({ state: 'revoked', textSha256: null });
    await federation.event(({ type, message }) => type === 'client' && /left|gone|disconnected/i.test(message));
  });

  it('one place for all tabs of a site: the second waits, and takes over when the first is closed', async () => {
    await begin({ rounds: 100, minClients: 2 });
    const first = await pages.tab();
    const context: BrowserContext = first.context;
    await first.join(options());
    await first.shown('waiting', 'not-enough-clients');
    const second = await pages.tab(context);
    await second.join(options());
    await second.shown('waiting', 'other-tab');
    expect((await second.seen()).states.map(({ message }) => message)).to.deep.equal([
      'Waiting: another tab of this site is taking part.',
    ]);
    await first.page.close();
    await second.shown('waiting', 'not-enough-clients');
    expect(await federation.server.operations.clients()).to.have.length(1);
  });
});
