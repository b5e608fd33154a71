import axe from 'axe-core';
import { expect } from 'chai';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { launchBrowser } from '../helpers/browser.ts';
import { dashboardFolder, outputFolder } from '../helpers/dashboard.ts';
import { makeWorld, serveWorld, tokens, type World } from '../helpers/dashboard-world.ts';

type Site = Awaited<ReturnType<typeof serveWorld>>;

/** Each state of the page: the world that brings it about, and what is done then. */
interface State {
  readonly world: () => World;
  readonly role?: 'admin' | 'viewer';
  /** A text that is to be seen. */
  readonly shows: RegExp;
  readonly act?: (page: Page, site: Site) => Promise<unknown>;
}

const empty = (): World => makeWorld({ rounds: 0, clients: 0, perRound: 3, run: { state: 'waiting', current: null } });
/** As few as show everything: axe looks at every element. */
const few = { rounds: 36, clients: 40, perRound: 12 } as const;
const paused = { state: 'paused', current: null } as const;
const states: Readonly<Record<string, State>> = {
  'no-run': { world: () => ({ ...empty(), run: null, details: [] }), shows: /No run yet/ },
  empty: { world: empty, shows: /Training starts by itself when 3 clients are connected/ },
  'first-round': {
    world: () => makeWorld({ rounds: 0, clients: 30, perRound: 10 }),
    shows: /first point after round 1/,
  },
  running: {
    world: () => makeWorld({ result: (round) => (round === 12 ? 'short' : round === 25 ? 'abandoned' : 'done') }),
    shows: /34 finished · 1 short of reports · 1 attempt abandoned/,
  },
  secure: {
    world: () => makeWorld({ secure: true, rounds: 12, of: 40, clients: 40 }),
    shows: /Under secure aggregation/,
  },
  pausing: { world: () => makeWorld({ ...few, rounds: 5, run: { state: 'pausing' } }), shows: /Pausing/ },
  paused: { world: () => makeWorld({ ...few, rounds: 20, run: paused }), shows: /Paused/ },
  stopping: { world: () => makeWorld({ ...few, rounds: 5, run: { state: 'stopping' } }), shows: /Stop now/ },
  stopped: {
    world: () => makeWorld({ ...few, rounds: 5, run: { state: 'stopped', current: null } }),
    shows: /Stopped/,
  },
  trouble: {
    world: () =>
      makeWorld({ ...few, rounds: 20, run: { ...paused, reason: 'the disk is full [STORE_FULL]\nat commit' } }),
    shows: /Resume from round 20/,
  },
  failed: {
    world: () =>
      makeWorld({ ...few, rounds: 20, run: { state: 'failed', current: null, reason: 'the store is gone' } }),
    shows: /This run has failed/,
  },
  abandoned: {
    world: () => makeWorld({ ...few, rounds: 20, result: (round) => (round === 20 ? 'abandoned' : 'done') }),
    shows: /Round 20 was abandoned.*Lower minReports or raise roundTimeout/s,
  },
  diverged: {
    world: () => makeWorld({ ...few, rounds: 20, loss: (round) => (round > 17 ? 40 : 1 / round) }),
    shows: /gone astray at round 18/,
  },
  finished: { world: () => makeWorld({ rounds: 60, of: 60, clients: 30, perRound: 10 }), shows: /best at round/ },
  viewer: { world: () => makeWorld(few), role: 'viewer', shows: /Round 37 of 100/ },
  'chosen-round': {
    world: () => makeWorld(few),
    shows: /Clients of round 36/,
    act: (page) => page.keyboard.press('ArrowLeft'),
  },
  timeline: {
    world: () => makeWorld(few),
    shows: /download/,
    act: (page) => page.getByRole('button', { name: 'Timeline' }).click(),
  },
  table: {
    world: () => makeWorld(few),
    shows: /own data/,
    act: (page) => page.getByRole('button', { name: 'Table: Accuracy by round' }).click(),
  },
  more: {
    world: () => makeWorld(few),
    shows: /The command that reproduces this run/,
    act: (page) => page.getByText('Bytes, norms, config').click(),
  },
  drawer: {
    world: () => makeWorld(few),
    shows: /Exclude this client/,
    act: (page) => page.locator('.cells [role=option]').first().click(),
  },
  help: { world: () => makeWorld(few), shows: /back to the live round/, act: (page) => page.keyboard.press('?') },
  export: { world: () => makeWorld(few), shows: /Best: round/, act: (page) => page.keyboard.press('e') },
  'new-run': {
    world: () => makeWorld({ rounds: 60, of: 60, clients: 30, perRound: 10 }),
    shows: /199,210 parameters/,
    act: (page) => page.keyboard.press('n'),
  },
  'many-clients': {
    world: () => makeWorld({ rounds: 30, clients: 2_400, perRound: 240 }),
    shows: /2,\d+ waiting|waiting/,
  },
  reconnecting: {
    world: () => makeWorld(few),
    shows: /Reconnecting, last update \d+ s ago/,
    act: async (page, site) => {
      await site.close();
      await page.getByText('Reconnecting').waitFor();
    },
  },
};

/** Beside the theme and width of every state, the others of these. */
const looks = [
  { theme: 'light', width: 1440 },
  { theme: 'dark', width: 1440 },
  { theme: 'light', width: 390 },
  { theme: 'dark', width: 390 },
] as const;

/** What may depend on theme and width; the rest of axe's rules are asked once per state. */
const visual = ['color-contrast', 'scrollable-region-focusable', 'link-in-text-block', 'label-content-name-mismatch'];

async function violations(page: Page, rules: readonly string[] | null): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async (values) => {
    const { axe: run } = globalThis as unknown as { axe: typeof axe };
    const found = await run.run(document, {
      resultTypes: ['violations'],
      ...(values === null ? {} : { runOnly: { type: 'rule', values: [...values] } }),
    });
    return found.violations.map(
      ({ id, nodes }) =>
        `${id}: ${nodes
          .slice(0, 3)
          .map(({ html, failureSummary }) => `${html.slice(0, 150)} ${failureSummary?.slice(0, 200)}`)
          .join(' | ')}`,
    );
  }, rules);
}

describe('the dashboard in each of its states', function () {
  this.timeout(60_000);
  let browser: Browser | null = null;
  let folder: string;
  const shots = outputFolder('dashboard');
  before(async function () {
    browser = await launchBrowser(this);
    folder = await dashboardFolder();
  });
  after(() => browser?.close());

  for (const [name, { world, role = 'admin', shows, act }] of Object.entries(states)) {
    it(`has no violation of axe and no overflow, light and dark, wide and narrow: ${name}`, async () => {
      const made = world();
      const site = await serveWorld(made, folder);
      const context: BrowserContext = await browser!.newContext({
        viewport: { width: 1440, height: 900 },
        bypassCSP: true,
      });
      try {
        const page = await context.newPage();
        const errors: Error[] = [];
        page.on('pageerror', (error) => errors.push(error));
        for (const { id } of made.clients.slice(0, 6)) {
          site.say({
            type: 'report',
            message: `Client ${id.slice(0, 8)} reported (512 examples).`,
            data: { client: id },
          });
        }
        await page.goto(`${site.url}/?token=${tokens[role]}`);
        await page.locator('main.grid').waitFor();
        await act?.(page, site);
        const seen = async (): Promise<string> => page.locator('body').innerText();
        for (let tries = 0; tries < 60 && !shows.test(await seen()); tries++) await page.waitForTimeout(50);
        expect(await seen()).to.match(shows);
        for (const [look, { theme, width }] of looks.entries()) {
          await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
          await page.setViewportSize({ width, height: 900 });
          await page.waitForTimeout(60); // for the charts to take their width
          await page.evaluate(() => scrollTo(0, 0)); // the header stays where one is
          const overflow = await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
          );
          expect(overflow, `overflow at ${width}`).to.be.at.most(0);
          await page.screenshot({ path: `${shots}${name}-${theme}-${width}.png`, fullPage: true });
          expect(await violations(page, look === 0 ? null : visual), `${theme} at ${width}`).to.deep.equal([]);
        }
        expect(errors).to.deep.equal([]);
      } finally {
        await context.close();
        await site.close().catch(() => {});
      }
    });
  }
});
