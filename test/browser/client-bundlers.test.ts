import { expect } from 'chai';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { build, createServer, preview } from 'vite';
import { fedloom } from '../../client/vite.ts';
import { runId } from '../../shared/ids.ts';
import { launchBrowser, openPage, serveSite } from '../helpers/browser.ts';
import { Federation, tinyConfig } from '../helpers/federation.ts';
import { installPackage } from '../helpers/package-copy.ts';

const script = new URL('../../scripts/build-client.mjs', import.meta.url).href;

/** An application of a dozen lines; link and backend are in its address. */
const application = `
  const client = new FederatedClient({
    url: decodeURIComponent(location.hash.slice(1)),
    backend: new URLSearchParams(location.search).get('backend'),
    consent: 'given',
    data: () => ({ xs: Float32Array.from({ length: 32 }, (_, i) => Math.sin(i)), ys: Float32Array.of(1, 2, 3, 4) }),
  });
  (async () => {
    let counted = 0;
    for await (const round of client.join()) if (round.counted) counted++;
    const { weights } = await client.model();
    return [client.backend, counted, weights.length, String(customElements.get('fedloom-consent') !== undefined)].join();
  })().then((said) => (document.title = said), (error) => (document.title = String(error.message)));
`;

describe('an application with the client', function () {
  this.timeout(120_000);
  let browser: Browser | null = null;
  let federation: Federation;
  let folder: string;

  before(async function () {
    browser = await launchBrowser(this);
    folder = await mkdtemp(join(tmpdir(), 'fedloom-app-'));
    installPackage(folder);
    await writeFile(
      join(folder, 'index.html'),
      '<!doctype html><title>app</title><script type="module" src="/app.js"></script>',
    );
    await writeFile(
      join(folder, 'app.js'),
      `import { FederatedClient } from 'fedloom/client';\nimport 'fedloom/consent-element';\n${application}`,
    );
  });
  after(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });
  afterEach(() => federation?.close());

  /** What the application says once its run of two rounds is over. */
  async function runAt(url: string, backend: string): Promise<string> {
    const origin = new URL(url).origin;
    federation = await Federation.open({ allowedOrigins: [origin] });
    await federation.server.operations.create(tinyConfig({ rounds: 2, minClients: 1 }), runId('tiny-1'));
    const { page, check } = await openPage(
      browser!,
      `${url}?backend=${backend}#${encodeURIComponent(federation.server.joinLink)}`,
    );
    await page.waitForFunction(() => /,|:/.test(document.title), undefined, { timeout: 60_000 });
    check();
    expect(workersOf(page), 'it runs in a worker').to.equal(1);
    return page.title();
  }
  const workersOf = (page: Page): number => page.workers().length;
  const expected = (backend: string): string => `${backend},2,8,true`;

  it('runs in the development server of Vite, all of TensorFlow.js too', async () => {
    const server = await createServer({
      root: folder,
      configFile: false,
      logLevel: 'error',
      server: { host: '127.0.0.1', port: 0 },
      plugins: [fedloom()],
    });
    try {
      await server.listen();
      expect(await runAt(server.resolvedUrls!.local[0]!, 'cpu')).to.equal(expected('cpu'));
    } finally {
      await server.close();
    }
  });

  it('runs as Vite builds it', async () => {
    await build({ root: folder, configFile: false, logLevel: 'error', plugins: [fedloom()] });
    const built = await readdir(join(folder, 'dist', 'assets'));
    expect(built.join()).to.include('browser-worker');
    const server = await preview({
      root: folder,
      configFile: false,
      logLevel: 'error',
      preview: { host: '127.0.0.1', port: 0 },
    });
    try {
      expect(await runAt(server.resolvedUrls!.local[0]!, 'auto')).to.equal(expected('wasm'));
    } finally {
      await server.close();
    }
  });

  it('needs no bundler: a script tag, and the file of the worker beside it', async () => {
    const { buildClient } = (await import(script)) as { buildClient(folder: string): Promise<void> };
    const out = join(folder, 'script');
    await buildClient(out);
    const files = ['fedloom.client.iife.min.js', 'fedloom.client.worker.min.js'];
    expect(await readdir(out)).to.have.members(files);
    const contents = await Promise.all(files.map(async (name) => [`/lib/${name}`, await readFile(join(out, name))]));
    const page = '<!doctype html><title>app</title><script src="/lib/fedloom.client.iife.min.js"></script>';
    const headers = { 'content-security-policy': '' };
    const site = await serveSite(
      ['test/browser/pages/worker.ts'],
      {
        ...(Object.fromEntries(contents) as Record<string, Uint8Array>),
        '/app.js': Buffer.from(`const { FederatedClient } = Fedloom;\n${application}`),
        '/': Buffer.from(`${page}<script src="/app.js"></script>`),
      },
      headers,
    );
    try {
      headers['content-security-policy'] =
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src *";
      expect(await runAt(site.url, 'auto')).to.equal(expected('wasm'));
    } finally {
      await site.close();
    }
  });
});
