import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { launchBrowser } from '../helpers/browser.ts';
import { dashboardFolder, dashboardScript } from '../helpers/dashboard.ts';
import { makeWorld, serveWorld, tokens } from '../helpers/dashboard-world.ts';
import { Federation, tinyConfig } from '../helpers/federation.ts';
import { serveSite } from '../helpers/browser.ts';

/** What is asserted about time only where nothing else runs. */
const isQuiet = process.env['FEDLOOM_QUIET'] !== undefined;

/** Training that goes on until it is held up, and then waits to be let go. */
function gate(): { before: () => Promise<void> | undefined; hold: () => void; release: () => void } {
  let isHeld = false;
  let waiting: (() => void)[] = [];
  return {
    before: () => (isHeld ? new Promise((resolve) => waiting.push(resolve)) : undefined),
    hold: () => void (isHeld = true),
    release: () => {
      isHeld = false;
      for (const wake of waiting.splice(0)) wake();
      waiting = [];
    },
  };
}

describe('the dashboard', function () {
  this.timeout(60_000);
  let browser: Browser | null = null;
  let folder: string;
  let context: BrowserContext;
  let federation: Federation | undefined;
  let errors: Error[] = [];
  before(async function () {
    browser = await launchBrowser(this);
    folder = await dashboardFolder();
  });
  after(() => browser?.close());
  beforeEach(async () => {
    errors = [];
    context = await browser!.newContext({ viewport: { width: 1440, height: 900 } });
  });
  afterEach(async () => {
    await context.close();
    await federation?.close();
    federation = undefined;
    expect(errors).to.deep.equal([]);
  });

  const open = async (url: string, token?: string): Promise<Page> => {
    const page = await context.newPage();
    page.on('pageerror', (error) => errors.push(error));
    await page.goto(token === undefined ? url : `${url}/?token=${token}`);
    return page;
  };
  const sees = (page: Page, text: RegExp | string): Promise<void> =>
    page.getByText(text).first().waitFor({ timeout: 30_000 });
  const start = async (options: object = {}): Promise<Federation> => {
    federation = await Federation.open({ dashboard: folder, ...options });
    return federation;
  };

  it('is at most 60 kB by gzip, all files together', () => {
    const sizes = Object.values(dashboardScript.sizesOf(folder));
    expect(sizes).to.have.length(3);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    console.log(`      ${(total / 1000).toFixed(1)} kB`);
    expect(total).to.be.within(20_000, dashboardScript.maxDashboardBytes);
  });

  it('follows a real run from the first client to the last round, and saves its model', async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const { server, join } = { server: (await start()).server, join: federation!.join.bind(federation!) };
    await server.operations.create(tinyConfig({ rounds: 3 }));
    const page = await open(server.url, server.adminToken);
    await sees(page, 'Training starts by itself when 3 clients are connected.');
    expect(await page.locator('pre').innerText()).to.include(server.joinLink);
    expect(await page.getByRole('link', { name: /another tab/ }).getAttribute('href')).to.match(/^try#[\w-]{22}\./);
    await page.getByRole('img', { name: /QR code/ }).waitFor();

    for (let i = 0; i < 3; i++)
      join({
        seed: i,
        label: `bench-${i}`,
        training: { before: ({ weights }) => (weights[0] === 0 ? undefined : held) },
      });
    await sees(page, /Round 1 of 3|Round 2 of 3/);
    await page.locator('.cells [role=option]').nth(2).waitFor();
    release();
    await page.locator('.pill.finished').waitFor();
    expect(await page.title()).to.equal('tiny-1 · finished · round 3/3 · fedloom');
    await sees(page, /3 finished · median/);
    // In the last round every client has reported, with the figures of a run in clear.
    const rows = page.locator('.clients-scroll tbody tr');
    await rows.filter({ hasText: 'reported' }).nth(2).waitFor({ timeout: 30_000 });
    expect(await rows.count()).to.equal(3);
    for (const row of await rows.all())
      expect(await row.innerText()).to.match(/bench-\d[^]*reported[^]*10[^]*32 B[^]*s$/);
    expect(await page.getByRole('button', { name: 'Pause' }).count()).to.equal(0);

    const saved = page.waitForEvent('download');
    await page.keyboard.press('e');
    await page.getByLabel('safetensors').check();
    await page.getByRole('button', { name: 'Download' }).click();
    const file = await saved;
    expect(file.suggestedFilename()).to.equal('tiny-1-round-3.safetensors');
    expect((await readFile(await file.path())).toString('latin1')).to.include('"F32"');
  });

  it('pauses, resumes and stops a real run by keys, and asks before it stops', async () => {
    const { server } = await start();
    const { before, hold, release } = gate();
    await server.operations.create(tinyConfig({ rounds: 1_000 }));
    const page = await open(server.url, server.adminToken);
    for (let i = 0; i < 3; i++) federation!.join({ seed: i, training: { before } });
    await page.locator('.pill.running').waitFor();
    await page.keyboard.press('p');
    await page.locator('.pill.paused').waitFor();
    await page.keyboard.press('p');
    await page.locator('.pill.running').waitFor();
    hold(); // the round in progress does not end any more
    await page.keyboard.press('s');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect((await server.operations.runs())[0]!.state).to.equal('running');
    await page.keyboard.press('s');
    await page
      .getByRole('button', { name: /^Stop( after round \d+)?$/ })
      .last()
      .click();
    await page.locator('.pill.stopping, .pill.stopped').waitFor();
    if ((await server.operations.runs())[0]!.state === 'stopping') {
      await page.keyboard.press('s');
      await page.getByRole('dialog').getByRole('button', { name: 'Stop now' }).click();
    }
    await page.locator('.pill.stopped').waitFor();
    release();
  });

  it('excludes a client and readmits it', async () => {
    const { server } = await start();
    await server.operations.create(tinyConfig({ rounds: 5, minClients: 4 }));
    const page = await open(server.url, server.adminToken);
    for (let i = 0; i < 3; i++) federation!.join({ seed: i, label: `bench-${i}` });
    await page.locator('.cells [role=option]').nth(2).waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('c');
    expect(await page.evaluate(() => document.activeElement?.id)).to.equal('clients');
    await page.keyboard.press('Tab');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Exclude this client' }).click();
    await page.getByRole('button', { name: 'Readmit this client' }).waitFor();
    expect((await server.operations.clients()).filter(({ excluded }) => excluded)).to.have.length(1);
    await page.getByRole('button', { name: 'Readmit this client' }).click();
    await page.getByRole('button', { name: 'Exclude this client' }).waitFor();
    expect((await server.operations.clients()).filter(({ excluded }) => excluded)).to.have.length(0);
  });

  it('makes a new run of a task from the catalogue', async () => {
    const { server } = await start();
    const page = await open(server.url, server.adminToken);
    await sees(page, 'No run yet.');
    await page.keyboard.press('n');
    await page.getByLabel('Task').selectOption('mnist-2nn');
    await page.getByLabel('Rounds').fill('7');
    await page.getByLabel('Clients per round').fill('4');
    await page.getByLabel('Learning rate').fill('0.05');
    await page.getByLabel('Seed').fill('11');
    await page.getByRole('button', { name: 'Create run' }).click();
    await sees(page, /Training starts by itself when 4 clients are connected/);
    const [run] = await server.operations.runs();
    const config = await server.operations.config(run!.id);
    expect(config).to.include({ rounds: 7, clientsPerRound: 4, seed: 11, secureAggregation: true });
    expect(config.task.training).to.include({ clientLearningRate: 0.05, batchSize: 10, localEpochs: 1 });
    await page.keyboard.press('n');
    await page.getByLabel('Reports at least').fill('9');
    await page.getByRole('button', { name: 'Create run' }).click();
    await page.getByRole('alert').filter({ hasText: 'minReports is larger than clientsPerRound' }).waitFor();
  });

  it('says that it is reconnecting while the server is away, and at which round it resumed', async () => {
    const { server } = await start();
    const { before, hold, release } = gate();
    await server.operations.create(tinyConfig({ rounds: 6 }));
    const page = await open(server.url, server.adminToken);
    for (let i = 0; i < 3; i++) federation!.join({ seed: i, training: { before } });
    await federation!.event(({ type, data }) => type === 'round' && data['round'] === 2 && data['result'] === 'done');
    hold();
    await sees(page, /2 finished|3 finished|4 finished|5 finished/);
    const { port } = server;
    await server.close();
    await sees(page, /Reconnecting, last update \d+ s ago/);
    expect(await page.locator('main.stale').count()).to.equal(1);
    expect(await page.locator('.bar').count()).to.be.at.least(2); // nothing is blanked
    await federation!.restart();
    expect(federation!.server.port).to.equal(port);
    await sees(page, /was started again and resumed at round \d/);
    release();
    await page.locator('.pill.finished').waitFor();
    await sees(page, '6 finished');
  });

  it('shows a viewer everything and no control, and nobody anything without a token', async () => {
    const site = await serveWorld(makeWorld({ rounds: 4, clients: 20, perRound: 5 }), folder);
    try {
      const page = await open(site.url, tokens.viewer);
      await sees(page, '4 finished');
      for (const name of ['Pause', 'Stop', 'New run'])
        expect(await page.getByRole('button', { name }).count(), name).to.equal(0);
      await page.keyboard.press('s');
      await page.keyboard.press('n');
      expect(await page.getByRole('dialog').count()).to.equal(0);
      await page.locator('.cells [role=option]').first().click();
      await sees(page, 'Its rounds in this run');
      expect(await page.getByRole('button', { name: /Exclude/ }).count()).to.equal(0);

      const stranger = await (await browser!.newContext()).newPage();
      await stranger.goto(site.url);
      await sees(stranger, 'Admin or viewer token');
      await stranger.getByLabel('Admin or viewer token').fill('a guess');
      await stranger.getByRole('button', { name: 'Open' }).click();
      await sees(stranger, 'This server does not know that token.');
      await stranger.getByLabel('Admin or viewer token').fill(tokens.admin);
      await stranger.getByRole('button', { name: 'Open' }).click();
      await sees(stranger, '4 finished');
      await stranger.context().close();
    } finally {
      await site.close();
    }
  });

  it('takes the token out of the address at once and sends it to its own server alone, in a header', async () => {
    const site = await serveWorld(makeWorld({ rounds: 4, clients: 20, perRound: 5 }), folder);
    try {
      const page = await context.newPage();
      const asked: { url: string; referer: string | undefined }[] = [];
      page.on('request', (request) => asked.push({ url: request.url(), referer: request.headers()['referer'] }));
      const logged: string[] = [];
      page.on('console', (message) => logged.push(message.text()));
      await page.goto(`${site.url}/?token=${tokens.admin}`);
      await sees(page, '4 finished');
      expect(page.url()).to.equal(`${site.url}/`);
      expect(asked.every(({ url }) => url.startsWith(site.url) || url.startsWith('data:'))).to.equal(true);
      expect(asked.slice(1).filter(({ url }) => url.includes(tokens.admin))).to.deep.equal([]);
      expect(
        site.asked.slice(1).filter(({ path, referer }) => `${path}${referer}`.includes(tokens.admin)),
      ).to.deep.equal([]);
      expect(logged.join()).to.not.include(tokens.admin);
      expect(
        await page.evaluate(() => [document.cookie, JSON.stringify(localStorage), document.referrer].join()),
      ).to.not.include(tokens.admin);
      await page.reload(); // the tab remembers it
      await sees(page, '4 finished');
    } finally {
      await site.close();
    }
  });

  it('gives a page of another origin nothing: it can neither read the API nor drive it', async () => {
    const world = makeWorld({ rounds: 4, clients: 20, perRound: 5 });
    const site = await serveWorld(world, folder);
    const stranger = await serveSite(
      ['test/browser/pages/page.ts'],
      {},
      { 'content-security-policy': 'connect-src *' },
    );
    try {
      const page = await open(stranger.url);
      const tried = await page.evaluate(
        async ([url, token]) => {
          const headers = { Authorization: `Bearer ${token}` };
          const requests: [string, RequestInit][] = [
            ['runs', { headers }],
            ['runs', {}],
            ['events', { headers }],
            ['runs/mnist-2nn-1/stop', { method: 'POST', headers }],
            ['runs/mnist-2nn-1/stop', { method: 'POST', mode: 'no-cors', body: '{}' }],
          ];
          return Promise.all(
            requests.map(([path, init]) =>
              fetch(`${url}/api/${path}`, init).then(
                (answer) => `${answer.type} ${answer.status}`,
                () => 'blocked',
              ),
            ),
          );
        },
        [site.url, tokens.admin] as const,
      );
      expect(tried).to.deep.equal(['blocked', 'blocked', 'blocked', 'blocked', 'blocked']);
      expect(world.calls).to.deep.equal([]);
      const frame = await page.evaluate(async (url) => {
        const made = document.createElement('iframe');
        made.src = url;
        document.body.append(made);
        await new Promise((resolve) => (made.onload = resolve));
        return made.contentDocument === null;
      }, site.url);
      expect(frame).to.equal(true);
      expect(site.asked.filter(({ path }) => path.startsWith('/page.js'))).to.deep.equal([]); // not drawn inside a frame
    } finally {
      await stranger.close();
      await site.close();
    }
  });

  it('shows the chosen round in every card, by keys and by the strip', async () => {
    const world = makeWorld({
      rounds: 12,
      clients: 40,
      perRound: 10,
      result: (round) => (round === 11 ? 'short' : 'done'),
    });
    const site = await serveWorld(world, folder);
    try {
      const page = await open(site.url, tokens.admin);
      await sees(page, 'Clients of round 13');
      await page.keyboard.press('ArrowLeft');
      await page.keyboard.press('ArrowLeft');
      await sees(page, 'Clients of round 11');
      await sees(page, 'Showing round 11. Back to live');
      const told = await page.locator('main').innerText();
      const { accuracy } = world.rounds[10]!.evaluation!;
      expect(told).to.include(`${(accuracy! * 100).toFixed(1)} % at round 11`);
      expect(told).to.match(/Clients in the round\s+10\s+8 reported/);
      expect(told).to.match(/Train ✓[^]*8 of 10 reported/);
      expect(await page.locator('.bar[aria-selected=true]').getAttribute('aria-label')).to.match(/^Round 11, short, /);
      await page.locator('.bar').nth(2).click();
      await sees(page, 'Clients of round 3');
      await page.keyboard.press('End'); // the strip has the focus now
      await sees(page, 'Clients of round 12');
      await page.keyboard.press('Escape');
      await sees(page, 'Clients of round 13');
      expect(await page.locator('.bar[tabindex="0"]').count()).to.equal(1);
    } finally {
      await site.close();
    }
  });

  it('knows its other keys, and leaves them alone while one writes', async () => {
    const site = await serveWorld(makeWorld({ rounds: 4, clients: 20, perRound: 5 }), folder);
    try {
      const page = await open(site.url, tokens.admin);
      await sees(page, '4 finished');
      const theme = (): Promise<string | null> =>
        page.evaluate(() => document.documentElement.getAttribute('data-theme'));
      await page.keyboard.press('t');
      expect(await theme()).to.equal('dark');
      await page.keyboard.press('t');
      expect(await theme()).to.equal('light');
      await page.keyboard.press('/');
      await page.keyboard.type('kiosk-0 pst?');
      expect(await page.getByLabel('Filter clients').inputValue()).to.equal('kiosk-0 pst?');
      expect([await theme(), await page.getByRole('dialog').count()]).to.deep.equal(['light', 0]);
      await sees(page, 'No client of this round fits the filter.');
      await page.keyboard.press('Escape');
      await page.keyboard.press('?');
      await sees(page, 'back to the live round');
      await page.keyboard.press('t'); // a dialog is open
      expect(await theme()).to.equal('light');
      await page.keyboard.press('Escape');
      await page.keyboard.press('Control+p');
      expect(await page.locator('.pill').first().innerText()).to.include('Running');
    } finally {
      await site.close();
    }
  });

  it('paints 500 rounds and 1,000 clients at once, and stays quick at 50 events a second', async () => {
    const world = makeWorld({ rounds: 500, of: 600, clients: 1_000, perRound: 100 });
    const site = await serveWorld(world, folder);
    try {
      const page = await context.newPage();
      page.on('pageerror', (error) => errors.push(error));
      await page.addInitScript(() => {
        const seen = globalThis as unknown as { long: number[] };
        seen.long = [];
        new PerformanceObserver((list) => seen.long.push(...list.getEntries().map(({ duration }) => duration))).observe(
          { type: 'longtask', buffered: true },
        );
      });
      await page.goto(`${site.url}/?token=${tokens.admin}`);
      await sees(page, '500 finished');
      const [first, whole] = await page.evaluate(
        () =>
          [
            performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Infinity,
            performance.now(),
          ] as const,
      );
      expect(await page.locator('.bar').count()).to.be.within(100, 200); // binned
      expect(await page.locator('.clients-scroll tbody tr').count()).to.equal(100);
      await page.waitForTimeout(500);
      await page.evaluate(() => void ((globalThis as unknown as { long: number[] }).long = []));
      for (let burst = 0; burst < 20; burst++) {
        for (let i = 0; i < 10; i++) {
          const client = world.clients[(burst * 10 + i) % 1_000]!;
          site.say({
            type: 'report',
            message: `Client ${client.id.slice(0, 8)} reported (512 examples).`,
            data: { client: client.id, round: 501 },
          });
        }
        await page.waitForTimeout(200);
      }
      await sees(page, `Client ${world.clients[199]!.id.slice(0, 8)} reported`);
      const long = await page.evaluate(() => (globalThis as unknown as { long: number[] }).long);
      const longest = Math.max(0, ...long);
      console.log(
        `      first paint ${first.toFixed(0)} ms, everything ${whole.toFixed(0)} ms, longest task ${longest.toFixed(0)} ms`,
      );
      expect(first).to.be.below(isQuiet ? 1_000 : 20_000);
      expect(whole).to.be.below(isQuiet ? 1_000 : 30_000);
      expect(longest).to.be.below(isQuiet ? 100 : 5_000);
    } finally {
      await site.close();
    }
  });
});
