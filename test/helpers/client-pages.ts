import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { FederatedClient, RoundOutcome, StateDetail } from '../../client/browser.ts';
import type { Examples } from '../../shared/engine/engine.ts';
import type { ClientPage } from '../browser/pages/client.ts';
import { launchBrowser, serveSite, type Site } from './browser.ts';

/** Pages with clients in a real browser, each in a profile of its own, on a site of another origin than the server's. */

type JoinOptions = NonNullable<Parameters<ClientPage['join']>[0]>;
type Api = { readonly fedloomPage: ClientPage };

/** Examples as the page reads them. */
export function exampleFile({ xs, ys, count }: Examples): Uint8Array {
  const bytes = new Uint8Array(8 + xs.byteLength + ys.byteLength);
  new Uint32Array(bytes.buffer, 0, 2).set([count, xs.length / count]);
  bytes.set(new Uint8Array(xs.buffer, xs.byteOffset, xs.byteLength), 8);
  bytes.set(new Uint8Array(ys.buffer, ys.byteOffset, ys.byteLength), 8 + xs.byteLength);
  return bytes;
}

/** A tab. */
export class Tab {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly errors: Error[] = [];

  constructor(context: BrowserContext, page: Page) {
    this.context = context;
    this.page = page;
    page.on('pageerror', (error) => this.errors.push(error));
  }

  make(options: JoinOptions): Promise<void> {
    return this.page.evaluate((one) => (globalThis as unknown as Api).fedloomPage.make(one), options);
  }

  join(options?: JoinOptions): Promise<void> {
    return this.page.evaluate((one) => (globalThis as unknown as Api).fedloomPage.join(one), options);
  }

  /** What the page has seen so far. */
  seen(): Promise<ClientPage['seen']> {
    return this.page.evaluate(() => (globalThis as unknown as Api).fedloomPage.seen);
  }

  async outcomes(): Promise<RoundOutcome[]> {
    return (await this.seen()).outcomes;
  }

  /** Calls the client's method that takes no arguments, and gives what it resolves with. */
  call<T>(method: (client: FederatedClient) => Promise<T>): Promise<T> {
    const source = `(${method.toString()})(globalThis.fedloomPage.client())`;
    return this.page.evaluate(source) as Promise<T>;
  }

  /** Calls a function of the page's own. */
  ask<N extends 'accuracy' | 'battery' | 'stored' | 'canExportKey'>(
    name: N,
    ...args: Parameters<ClientPage[N]>
  ): Promise<Awaited<ReturnType<ClientPage[N]>>> {
    return this.page.evaluate(
      ([one, list]) => (globalThis as unknown as Api).fedloomPage[one as 'accuracy'](...(list as [string])),
      [name, args] as const,
    ) as Promise<Awaited<ReturnType<ClientPage[N]>>>;
  }

  /** Resolves once the page has shown a state, with its reason if one is asked for. */
  async shown(state: StateDetail['state'], reason?: StateDetail['reason']): Promise<void> {
    await this.page.waitForFunction(
      ([wanted, why]) =>
        (globalThis as unknown as Api).fedloomPage.seen.states.some(
          (each) => each.state === wanted && (why === undefined || each.reason === why),
        ),
      [state, reason] as const,
      { timeout: 60_000 },
    );
  }

  /** Resolves once joining has ended, with how. */
  async ended(): Promise<string> {
    const handle = await this.page.waitForFunction(
      () => (globalThis as unknown as Api).fedloomPage.seen.ended,
      undefined,
      { timeout: 120_000 },
    );
    return (await handle.jsonValue())!;
  }
}

export class ClientPages {
  readonly site: Site;
  readonly browser: Browser;
  readonly #headers: Record<string, string>;
  readonly #contexts: BrowserContext[] = [];

  private constructor(site: Site, browser: Browser, headers: Record<string, string>) {
    this.site = site;
    this.browser = browser;
    this.#headers = headers;
  }

  /**
   * @param suite - `this` of its `before`; it is skipped where there is no browser
   * @param files - of the site, beside the client's own
   */
  static async open(
    suite: Mocha.Context,
    files: Readonly<Record<string, string | Uint8Array>>,
    entry = 'test/browser/pages/client.ts',
  ): Promise<ClientPages> {
    const browser = await launchBrowser(suite);
    const headers: Record<string, string> = {};
    const site = await serveSite([entry, 'client/browser-worker.ts'], files, headers);
    return new ClientPages(site, browser, headers);
  }

  get origin(): string {
    return new URL(this.site.url).origin;
  }

  /** What a careful site allows, and connections to the federation's server. @param workers - who may be a worker */
  allow(serverUrl: string, workers = "'self'"): void {
    const { host } = new URL(serverUrl);
    this.#headers['content-security-policy'] =
      `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src ${workers}; ` +
      `connect-src 'self' http://${host} ws://${host}`;
  }

  /** A tab in a profile of its own, or in the given one. */
  async tab(context?: BrowserContext): Promise<Tab> {
    const own = context ?? (await this.browser.newContext());
    if (context === undefined) this.#contexts.push(own);
    const page = await own.newPage();
    page.setDefaultTimeout(15_000);
    const tab = new Tab(own, page);
    await page.goto(this.site.url, { waitUntil: 'load' });
    return tab;
  }

  async closeTabs(): Promise<void> {
    await Promise.all(this.#contexts.splice(0).map((context) => context.close()));
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.site.close();
  }
}
