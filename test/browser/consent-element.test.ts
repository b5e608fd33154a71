import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import type { FederatedClient } from '../../client/browser.ts';
import type { FedloomConsent } from '../../client/consent-element.ts';
import { runId } from '../../shared/ids.ts';
import { ClientPages } from '../helpers/client-pages.ts';
import { Federation, tinyConfig } from '../helpers/federation.ts';

interface Global {
  readonly fedloomConsent: {
    readonly client: FederatedClient;
    readonly element: FedloomConsent;
    readonly heard: string[];
  };
}
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const trainer = 'export const train = async ({ weights }) => ({ delta: weights.map((w) => 0.5 - w / 4) });';

describe('<fedloom-consent>', function () {
  this.timeout(60_000);
  let pages: ClientPages;
  let federation: Federation;

  before(async function () {
    pages = await ClientPages.open(this, { '/train.js': Buffer.from(trainer) }, 'test/browser/pages/consent.ts');
  });
  after(() => pages?.close());
  beforeEach(async () => {
    federation = await Federation.open({ allowedOrigins: [pages.origin] });
    pages.allow(federation.server.url);
    await federation.server.operations.create(tinyConfig({ rounds: 500, minClients: 1 }), runId('tiny-1'));
  });
  afterEach(async () => {
    await pages.closeTabs();
    await federation.close();
  });

  const open = async (scheme: 'light' | 'dark' = 'light'): Promise<Page> => {
    const { page } = await pages.tab();
    await page.emulateMedia({ colorScheme: scheme });
    await page.goto(`${pages.site.url}#${encodeURIComponent(federation.server.joinLink)}`);
    await page.reload();
    return page;
  };
  /** Role and name of each button that can be seen. */
  const buttons = (page: Page): Promise<string[]> => page.getByRole('button').allInnerTexts();
  const status = (page: Page): Promise<string> => page.getByRole('status').innerText();

  it('says what is sent, and asks; nothing connects before the answer', async () => {
    const page = await open();
    expect(await page.getByRole('region', { name: 'Help to improve this app?' }).innerText()).to.include(
      'The data itself never leaves this device.',
    );
    expect(await buttons(page)).to.deep.equal(['Take part', 'No, thanks']);
    expect(await status(page)).to.equal('Nothing is sent before you decide.');
    expect(await federation.server.operations.clients()).to.deep.equal([]);
  });

  it('is worked by keyboard: take part, then stop, which deletes and leaves', async () => {
    const page = await open();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByText('You are taking part.').waitFor();
    await federation.event(({ type, data }) => type === 'round' && data['round'] === 2);
    const { record, shown } = await page.evaluate(() => {
      const { client, element } = (globalThis as unknown as Global).fedloomConsent;
      return { record: client.consent.record, shown: element.shownText };
    });
    expect(record!.state).to.equal('granted');
    expect(record!.textSha256).to.equal(createHash('sha256').update(shown).digest('hex'));
    expect(shown).to.match(/^Help to improve this app\?\n.*never leaves this device\.\n/);
    expect(await buttons(page)).to.deep.equal(['Stop and delete']);
    await page.getByText('What has been sent so far').press('Enter');
    await page.getByText(/^newest update, round \d+, clear: 8 × 1; of 1 examples/).waitFor();
    await page.getByRole('button', { name: 'Stop and delete' }).press('Enter');
    await page.getByText('You are not taking part; nothing is sent.').waitFor();
    expect(await buttons(page)).to.deep.equal(['Take part']);
    expect(await page.evaluate(() => (globalThis as unknown as Global).fedloomConsent.heard)).to.deep.equal([
      'granted',
      'revoked',
    ]);
  });

  it('remembers an answer of no, and does not ask again', async () => {
    const page = await open();
    await page.getByRole('button', { name: 'No, thanks' }).click();
    await page.getByText('You are not taking part; nothing is sent.').waitFor();
    await page.reload();
    await page.getByText('You are not taking part; nothing is sent.').waitFor();
    expect(await federation.server.operations.clients()).to.deep.equal([]);
  });

  it("takes the page's own words and colours, under a policy without inline styles", async () => {
    const page = await open();
    const shown = await page.evaluate(() => {
      const { element } = (globalThis as unknown as Global).fedloomConsent;
      element.append('Ours, in short.');
      element.style.setProperty('--fedloom-card', 'rgb(1, 2, 3)');
      const card = element.shadowRoot!.querySelector('section')!;
      return [element.shownText, getComputedStyle(card).backgroundColor];
    });
    expect(shown).to.deep.equal(['Help to improve this app?\nOurs, in short.', 'rgb(1, 2, 3)']);
  });

  for (const scheme of ['light', 'dark'] as const) {
    it(`has no fault that axe finds, ${scheme}`, async () => {
      const page = await open(scheme);
      for (const step of ['asked', 'granted'] as const) {
        if (step === 'granted') await page.getByRole('button', { name: 'Take part' }).click();
        await page.evaluate(`${readFileSync(axe, 'utf8')}; undefined`);
        const found = (await page.evaluate(
          "axe.run('fedloom-consent').then(({ violations }) => violations.map(({ id, help }) => `${id}: ${help}`))",
        )) as string[];
        expect(found, step).to.deep.equal([]);
      }
    });
  }
});
