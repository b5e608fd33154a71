import { expect } from 'chai';
import { runId } from '../../shared/ids.ts';
import { taskByName } from '../../shared/tasks/catalog.ts';
import type { Examples } from '../../shared/engine/engine.ts';
import { loadData } from '../../simulations/datasets/registry.ts';
import { ClientPages, exampleFile } from '../helpers/client-pages.ts';
import { Federation } from '../helpers/federation.ts';

const run = runId('frames-1');

/** On a machine with other work the page's thread may wait for a core whatever the client does; on a quiet one it does not. */
const isQuiet = process.env['FEDLOOM_QUIET'] === '1';
const mostMs = isQuiet ? 100 : 1_000;

describe('frames of a page while its client trains', function () {
  this.timeout(120_000);
  let pages: ClientPages;
  let federation: Federation;

  before(async function () {
    const digits = (await loadData('mnist-10k:0/20')) as Examples; // 400
    pages = await ClientPages.open(this, { '/digits.bin': exampleFile(digits) });
  });
  after(() => pages?.close());
  afterEach(async () => {
    await pages?.closeTabs();
    await federation?.close();
  });

  for (const [name, localEpochs] of [
    ['mnist-2nn', 20],
    ['mnist-small-cnn', 10],
  ] as const) {
    it(`are never ${mostMs} ms apart: ${name}`, async () => {
      federation = await Federation.open({ allowedOrigins: [pages.origin] });
      pages.allow(federation.server.url);
      const task = taskByName(name);
      const training = { ...task.training, localEpochs, batchSize: 10 };
      await federation.server.operations.create(
        { task: { ...task, training }, rounds: 2, minClients: 1, secureAggregation: false, evaluateEvery: 0, seed: 1 },
        run,
      );
      const tab = await pages.tab();
      await tab.join({ url: federation.server.joinLink, consent: 'given', data: '/digits.bin' });
      expect(await tab.ended()).to.equal('left');
      const gaps = (await tab.seen()).gaps.toSorted((a, b) => b - a);
      const all = gaps.reduce((sum, gap) => sum + gap, 0);
      const shown = `${gaps.length} frames in ${(all / 1_000).toFixed(1)} s of training`;
      console.log(
        `      ${name}: ${shown}; the longest gaps ${gaps
          .slice(0, 3)
          .map((gap) => gap.toFixed(0))
          .join(', ')} ms`,
      );
      expect(gaps.length, 'frames seen while training').to.be.above(20);
      expect(gaps[0]).to.be.below(mostMs);
    });
  }
});
