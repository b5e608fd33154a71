import { expect } from 'chai';
import { evaluationOf } from '../../commands/evaluation-data.ts';
import type { Examples } from '../../shared/engine/engine.ts';
import { runId } from '../../shared/ids.ts';
import { taskByName } from '../../shared/tasks/catalog.ts';
import { loadData } from '../../simulations/datasets/registry.ts';
import { ClientPages, exampleFile } from '../helpers/client-pages.ts';
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
    const opened = await ClientPages.open({
      '/digits-0.bin': exampleFile(parts[0]!),
      '/digits-1.bin': exampleFile(parts[1]!),
    });
    if (opened === null) return this.skip(); // no Chromium, neither of the system nor of the package
    pages = opened;
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
    federation.join({ trainer: undefined as never, data: () => parts[i]!, seed: i, backend: 'wasm' });
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
    console.log('gaps', Math.max(...(await tabs[0]!.seen()).gaps), (await tabs[0]!.seen()).gaps.length, found);
  });
});
