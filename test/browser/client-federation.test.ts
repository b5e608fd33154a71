import { expect } from 'chai';
import { evaluationOf } from '../../commands/evaluation-data.ts';
import type { Examples } from '../../shared/engine/engine.ts';
import { runId } from '../../shared/ids.ts';
import { taskByName } from '../../shared/tasks/catalog.ts';
import { loadData } from '../../simulations/datasets/registry.ts';
import { ClientPages, exampleFile } from '../helpers/client-pages.ts';
import { WorkerTrainer } from '../../client/worker-trainer.ts';
import { spawnNodeWorker } from '../../client/node/worker.ts';
import { Federation } from '../helpers/federation.ts';

const run = runId('digits-1');
const task = taskByName('mnist-2nn');

describe('a federation of pages and Node clients, with secure aggregation', function () {
  this.timeout(120_000);
  let pages: ClientPages;
  let federation: Federation;
  let parts: Examples[];
  let evaluation: NonNullable<Awaited<ReturnType<typeof evaluationOf>>>;

  before(async function () {
    parts = await Promise.all(
      [0, 1, 2, 3].map(async (i) => (await loadData(`mnist-10k:${i}/32`)) as Examples), // 250 each
    );
    evaluation = (await evaluationOf(task.data, 'mnist-10k@test'))!;
    pages = await ClientPages.open(this, {
      '/digits-0.bin': exampleFile(parts[0]!),
      '/digits-1.bin': exampleFile(parts[1]!),
    });
  });
  after(async () => {
    await evaluation?.close();
    await pages?.close();
  });
  afterEach(async () => {
    await pages?.closeTabs();
    await federation?.close();
  });

  const begin = async (config: object): Promise<void> => {
    federation = await Federation.open({
      allowedOrigins: [pages.origin],
      evaluate: evaluation.evaluate,
      limits: { rejoinGrace: 500 },
    });
    pages.allow(federation.server.url);
    await federation.server.operations.create(
      { task, minClients: 4, minReports: 3, secureAggregation: true, seed: 1, ...config },
      run,
    );
  };
  const joinNode = (i: number): ReturnType<Federation['join']> =>
    federation.join({
      trainer: new WorkerTrainer(spawnNodeWorker, { backend: 'wasm' }),
      data: () => parts[i]!,
      seed: i,
    });
  const accuracies = async (): Promise<number[]> =>
    federation.events.filter(({ type }) => type === 'evaluation').map(({ data }) => data['accuracy'] as number);

  it('two tabs and two Node clients: every round closes with all four, and accuracy rises', async () => {
    await begin({ rounds: 3 });
    const tabs = [await pages.tab(), await pages.tab()];
    const nodes = [joinNode(2), joinNode(3)];
    for (const [i, tab] of tabs.entries()) {
      await tab.join({
        url: federation.server.joinLink,
        consent: 'given',
        data: `/digits-${i}.bin`,
        label: `tab ${i}`,
      });
    }
    expect(await Promise.all(tabs.map((tab) => tab.ended()))).to.deep.equal(['left', 'left']);
    await Promise.all(nodes.map(({ done }) => done));
    const log = await federation.server.operations.rounds(run);
    expect(log.map(({ record }) => [record.result, record.secureAggregation, record.reports.length])).to.deep.equal(
      Array.from({ length: 3 }, () => ['done', true, 4]),
    );
    for (const tab of tabs) {
      expect((await tab.outcomes()).map(({ counted }) => counted)).to.deep.equal([true, true, true]);
      expect(tab.errors).to.deep.equal([]);
    }
    const found = await accuracies();
    expect(found.at(-1)).to.be.above(0.4).and.above(found[0]!);
    // The operator sees all four, and the rising curve.
    const { url, adminToken } = federation.server;
    const operator = await tabs[0]!.page.context().newPage();
    await operator.goto(`${url}/?token=${adminToken}`);
    await operator.locator('.pill.finished').waitFor();
    const rows = operator.locator('.clients-scroll tbody tr');
    await rows.filter({ hasText: 'reported' }).nth(3).waitFor();
    expect(await rows.count()).to.equal(4);
    for (const row of await rows.all()) expect(await row.innerText()).to.include('reported');
    expect(operator.url()).not.to.include(adminToken);
    await operator.close();
    const { sent, update, bytesSent } = await tabs[0]!.call((client) => client.inspect());
    expect(update!.tensors.map(({ shape }) => shape)).to.deep.equal([
      [784, 200],
      [200],
      [200, 200],
      [200],
      [200, 10],
      [10],
    ]);
    expect(update).to.deep.include({ encoding: 'masked', examples: { count: 250, toldTo: 'sum' } });
    expect(update!.norm.after).to.be.within(0, update!.norm.before).and.above(0);
    const count = (name: string): number | undefined => sent.find(({ message }) => message === name)?.count;
    expect([count('hello'), count('auth'), count('advert'), count('shares'), count('report')]).to.deep.equal([
      1, 1, 3, 3, 3,
    ]);
    expect(bytesSent).to.be.within(3 * update!.bytes!, 3.1 * update!.bytes!);
  });

  it('goes on without a tab that is closed in mid-round', async () => {
    const training = { ...task.training, localEpochs: 25 };
    await begin({ task: { ...task, training }, rounds: 1 });
    const tabs = [await pages.tab(), await pages.tab()];
    const nodes = [joinNode(2), joinNode(3)];
    for (const [i, tab] of tabs.entries()) {
      await tab.join({ url: federation.server.joinLink, consent: 'given', data: `/digits-${i}.bin` });
    }
    await tabs[1]!.shown('training');
    await tabs[1]!.page.close();
    expect(await tabs[0]!.ended()).to.equal('left');
    await Promise.all(nodes.map(({ done }) => done));
    const log = await federation.server.operations.rounds(run);
    expect(log.map(({ record }) => [record.result, record.reports.length])).to.deep.equal([['short', 3]]);
    expect((await accuracies()).at(-1)).to.be.above(0.6);
  });
});
