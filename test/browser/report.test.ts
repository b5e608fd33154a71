import { expect } from 'chai';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { barChart } from '../../simulations/reports/charts/bar-chart.ts';
import { heatMap } from '../../simulations/reports/charts/heat-map.ts';
import { readFolder } from '../../simulations/reports/read-folder.ts';
import { writeAll, writeReport } from '../../simulations/reports/write-report.ts';
import { useFolder } from '../contracts/folder.ts';
import { launchBrowser } from '../helpers/browser.ts';
import { sampleFolder } from '../helpers/sample-run.ts';

const shots = fileURLToPath(new URL('../../test-output/reports/', import.meta.url));
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

describe('a report in Chromium', function () {
  this.timeout(120_000);
  const folder = useFolder();
  let browser: Browser | null;
  before(async function () {
    browser = await launchBrowser(this);
    await mkdir(shots, { recursive: true });
  });
  after(() => browser?.close());

  const write = async () => {
    const run = await readFolder(await sampleFolder(folder(), '<b>run</b> & "more"'.replaceAll('/', '')));
    return writeReport(run, { out: join(folder(), 'report.html'), plots: join(folder(), 'plots') });
  };

  it('asks for nothing, has no violation that axe knows, and fits, in both themes and on a phone', async () => {
    const { report } = await write();
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const width of [1280, 390]) {
        // The page's own policy forbids the script of axe, as it shall.
        const context = await browser!.newContext({ colorScheme, viewport: { width, height: 900 }, bypassCSP: true });
        const page = await context.newPage();
        const requests: string[] = [];
        page.on('request', (request) => requests.push(request.url().slice(0, 60)));
        await page.goto(pathToFileURL(report).href);
        expect(requests.filter((url) => !url.startsWith('data:'))).to.have.length(1);
        expect(await page.locator('figure svg').count()).to.be.at.least(8);
        expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).to.equal(true);
        await page.addScriptTag({ path: axe });
        const violations = await page.evaluate(async () => {
          const { axe: checker } = globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } }; // prettier-ignore
          return (await checker.run()).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`); // prettier-ignore
        });
        expect(violations, `${colorScheme} ${width}`).to.deep.equal([]);
        await page.screenshot({ path: join(shots, `report-${colorScheme}-${width}.png`), fullPage: true });
        await context.close();
      }
    }
  });

  it('changes its theme without a script, and is light on paper', async () => {
    const { report } = await write();
    const page = await browser!.newPage({ colorScheme: 'light' });
    await page.goto(pathToFileURL(report).href);
    const background = (): Promise<string> => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const lineColour = (): Promise<string> =>
      page.evaluate(() => getComputedStyle(document.querySelector('.fl-l-s0')!).stroke);
    const [light, lightLine] = [await background(), await lineColour()];
    await page.getByRole('radio', { name: 'dark' }).check();
    expect(await background())
      .to.equal('rgb(12, 15, 20)')
      .and.not.equal(light); // #0c0f14
    expect(await lineColour()).to.not.equal(lightLine);
    await page.emulateMedia({ media: 'print' });
    expect(await background()).to.equal('rgb(255, 255, 255)');
    expect(await lineColour()).to.equal(lightLine);
    await page.close();
  });

  it('writes plots that are well-formed, and that follow the theme inside an <img>', async () => {
    const { plots } = await write();
    const folderOf = join(folder(), 'plots');
    await writeAll(
      new Map([
        [join(folderOf, 'stacked.svg'), barChart({ title: '<&>', description: '"', categories: ['<a>'], x: '&', y: { label: '<' }, series: [{ name: '</g>', values: [1] }, { name: 'b', values: [2] }], stacked: true })], // prettier-ignore
        [join(folderOf, 'heat.svg'), heatMap({ title: '<&>', description: '"', columns: ['<a>'], rows: ['&'], x: '<', y: '>', value: { label: '<' }, values: [[1]] })], // prettier-ignore
      ]),
    );
    expect(plots.length).to.be.at.least(8);
    const page = await browser!.newPage();
    for (const name of await readdir(folderOf)) {
      const svg = await readFile(join(folderOf, name), 'utf8');
      const error = await page.evaluate((text) => {
        const parsed = new DOMParser().parseFromString(text, 'image/svg+xml');
        return (
          parsed.querySelector('parsererror')?.textContent ??
          (parsed.documentElement.localName === 'svg' ? null : 'no svg')
        );
      }, svg);
      expect(error, name).to.equal(null);
    }
    const corner = async (colorScheme: 'light' | 'dark'): Promise<number[]> => {
      await page.emulateMedia({ colorScheme });
      const svg = await readFile(join(folderOf, 'accuracy.svg'), 'utf8');
      return page.evaluate(async (source) => {
        const image = new Image();
        image.src = `data:image/svg+xml,${encodeURIComponent(source)}`;
        await image.decode();
        const canvas = document.createElement('canvas');
        const context = canvas.getContext('2d')!;
        context.drawImage(image, 0, 0);
        const [r, g, b] = context.getImageData(2, 2, 1, 1).data;
        return [r!, g!, b!];
      }, svg);
    };
    expect(await corner('light')).to.deep.equal([255, 255, 255]);
    expect(await corner('dark')).to.deep.equal([0x14, 0x19, 0x23]);
    await page.close();
  });
});
