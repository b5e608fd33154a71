import axe from 'axe-core';
import { expect } from 'chai';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { spawnNodeWorker } from '../../client/node/worker.ts';
import { WorkerTrainer } from '../../client/worker-trainer.ts';
import { runId } from '../../shared/ids.ts';
import { taskByName } from '../../shared/tasks/catalog.ts';
import { loadData } from '../../simulations/datasets/registry.ts';
import { launchBrowser } from '../helpers/browser.ts';
import { Federation, tinyConfig } from '../helpers/federation.ts';

const pictures = fileURLToPath(new URL('../../test-output/try/', import.meta.url));
const run = runId('digits-1');

/** Strokes on the pad, in parts of its side. */
type Stroke = readonly (readonly [x: number, y: number])[];
const one: readonly Stroke[] = [[[0.5, 0.15], [0.5, 0.85]]]; // prettier-ignore
const seven: readonly Stroke[] = [[[0.25, 0.2], [0.75, 0.2], [0.45, 0.85]]]; // prettier-ignore

async function draw(page: Page, strokes: readonly Stroke[]): Promise<void> {
  await page.locator('#pad').scrollIntoViewIfNeeded();
  const box = (await page.locator('#pad').boundingBox())!;
  for (const [[x, y], ...rest] of strokes as readonly [Stroke[0], ...Stroke][]) {
    await page.mouse.move(box.x + x * box.width, box.y + y * box.height);
    await page.mouse.down();
    for (const [toX, toY] of rest) {
      await page.mouse.move(box.x + toX * box.width, box.y + toY * box.height, { steps: 6 });
    }
    await page.mouse.up();
  }
}

async function check(page: Page, name: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [1440, 390]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await page.evaluate(axe.source);
      const { violations } = await page.evaluate(() => axe.run());
      const where = `${name} ${colorScheme} ${width}`;
      expect(
        violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`),
        where,
      ).to.deep.equal([]);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(overflow, `overflow of ${where}`).to.be.at.most(0);
      await page.screenshot({ path: join(pictures, `${name}-${colorScheme}-${width}.png`), fullPage: true });
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 });
}

describe('the page at /try', function () {
  this.timeout(120_000);
  let browser: Browser;
  let federation: Federation;

  before(async function () {
    browser = await launchBrowser(this);
    mkdirSync(pictures, { recursive: true });
  });
  after(() => browser?.close());
  afterEach(() => federation?.close());

  const open = async (link: string): Promise<{ page: Page; errors: string[]; asked: string[] }> => {
    const page = await browser.newPage();
    const [errors, asked]: [string[], string[]] = [[], []];
    page.on('pageerror', ({ message }) => errors.push(message));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(link);
    return { page, errors, asked };
  };

  it('trains on what is drawn, in the federation that runs, and shows what the model makes of it', async () => {
    federation = await Federation.open();
    const { url, joinLink } = federation.server;
    const task = taskByName('mnist-2nn');
    await federation.server.operations.create({ task, rounds: 2, minClients: 3, evaluateEvery: 0, seed: 1 }, run);
    const fragment = joinLink.slice(joinLink.indexOf('#'));
    const { page, errors, asked } = await open(`${url}/try${fragment}`);
    await draw(page, one);
    await page.getByRole('button', { name: 'This is a 1' }).click();
    await draw(page, seven);
    await page.keyboard.press('7');
    expect(await page.locator('#mine li').count()).to.equal(2);
    expect(await page.locator('#mine-text').textContent()).to.include('2 digits');
    await check(page, 'before');
    expect(federation.events.filter(({ type }) => type === 'client')).to.deep.equal([]); // nothing connects yet

    await page.getByRole('button', { name: 'Take part' }).click();
    const parts = await Promise.all([0, 1].map((i) => loadData(`mnist-10k:${i}/8`))); // 1,000 digits each
    for (const [i, data] of parts.entries()) {
      federation.join({
        trainer: new WorkerTrainer(spawnNodeWorker, { backend: 'wasm' }),
        data: () => data as never,
        seed: i,
      });
    }
    await federation.state('finished');
    await page.locator('#rounds li').nth(1).waitFor();
    const log = await federation.server.operations.rounds(run);
    expect(log.map(({ record }) => [record.result, record.reports.length, record.secureAggregation])).to.deep.equal([
      ['done', 3, true],
      ['done', 3, true],
    ]);
    expect(await page.locator('#rounds').textContent()).to.include('your part counted');
    expect(errors).to.deep.equal([]);
    await draw(page, one);
    await page.locator('#chances li').nth(9).waitFor();
    expect(await page.locator('#thinks').textContent()).to.equal('The shared model sees a 1.');
    expect(await page.locator('#sent-text').textContent()).to.include('masked');
    await check(page, 'after');

    expect(errors).to.deep.equal([]);
    const code = fragment.split('.')[1]!;
    expect(asked.filter((each) => !each.startsWith(url) && !each.startsWith('data:'))).to.deep.equal([]);
    expect(asked.filter((each) => each.split('#')[0]!.includes(code))).to.deep.equal([]);
    await page.close();
  });

  it('says so when the federation trains on something else', async () => {
    federation = await Federation.open();
    await federation.server.operations.create(tinyConfig({ minClients: 1 }), run);
    const { page } = await open(`${federation.server.url}/try/${federation.server.joinLink.split('/').at(-1)!}`);
    await page.getByRole('button', { name: 'Take part' }).click();
    await page.locator('#problem', { hasText: 'this page draws digits of 28 x 28' }).waitFor();
    await page.close();
  });

  it('asks for the join link where it has none, and refuses what is none', async () => {
    federation = await Federation.open();
    const { page } = await open(`${federation.server.url}/try`);
    await check(page, 'link');
    await page.getByLabel('Join link').fill('nonsense');
    await page.getByRole('button', { name: 'Use it' }).click();
    await page.locator('#link-problem', { hasText: 'link: expected fedloom://' }).waitFor();
    await page.getByLabel('Join link').fill(federation.server.joinLink);
    await page.getByRole('button', { name: 'Use it' }).click();
    await page.getByRole('button', { name: 'Take part' }).waitFor();
    await page.close();
  });
});
