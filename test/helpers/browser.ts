import { build } from 'esbuild';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { findChromium } from './chromium.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** What a careful site allows: its own files alone, and WebAssembly. */
const headers = {
  'content-security-policy': "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'",
  'cache-control': 'no-store',
};
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.wasm': 'application/wasm',
};

export interface Site {
  readonly url: string;
  /** Paths that were asked for, in order. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/**
 * Bundles entries for browsers and serves them on a free port of this machine: `/` is a page that loads the first, each is
 * `/<its name>.js`, and further files lie where `files` says.
 * @param entries - paths from the root of the repository
 * @param files - path on the site to path from the root, or to what is there
 * @param extraHeaders - of every answer; looked at anew each time
 */
export async function serveSite(
  entries: readonly string[],
  files: Readonly<Record<string, string | Uint8Array>> = {},
  extraHeaders: Readonly<Record<string, string>> = {},
): Promise<Site> {
  const { outputFiles } = await build({
    entryPoints: [...entries],
    entryNames: '[name]',
    absWorkingDir: root,
    outdir: join(root, 'out'),
    write: false,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'silent',
  });
  const content = new Map<string, Uint8Array>(
    outputFiles.map(({ path, contents }) => [`/${basename(path)}`, contents]),
  );
  const first = basename(entries[0]!).replace(/\.ts$/, '.js');
  content.set('/', Buffer.from(`<!doctype html><title>test</title><script type="module" src="/${first}"></script>`));
  for (const [path, file] of Object.entries(files))
    content.set(path, typeof file === 'string' ? readFileSync(join(root, file)) : file);
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://site').pathname;
    requests.push(path);
    const body = content.get(path);
    const type = path === '/' ? types['.html'] : types[extname(path)];
    response.writeHead(body === undefined ? 404 : 200, {
      ...headers,
      ...extraHeaders,
      'content-type': type ?? 'text/plain',
    });
    response.end(body);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    requests,
    close: () =>
      new Promise((closed) => {
        server.closeAllConnections();
        server.close(() => closed());
      }),
  };
}

/** Containers allow no sandbox, and give little shared memory. */
const always = ['--no-sandbox', '--disable-dev-shm-usage'];

/** Starts a browser for a suite, which is skipped where there is none. @param suite - `this` of its `before` */
export async function launchBrowser(suite: Mocha.Context, args: readonly string[] = []): Promise<Browser> {
  const found = findChromium();
  if (found === null) {
    console.log('      no Chromium here; set FEDLOOM_CHROMIUM to the path of one to run the browser tests');
    return suite.skip(); // no system's Chromium, and npm brings one for Linux on x86-64 alone
  }
  const env = { ...process.env, ...found.env } as Record<string, string>;
  return chromium.launch({ executablePath: found.executablePath, env, args: [...always, ...args] });
}

/** A page of the site that has run its script. Errors that nobody catches there are thrown here by `check`. */
export async function openPage(browser: Browser, url: string): Promise<{ page: Page; check: () => void }> {
  const page = await browser.newPage();
  const errors: Error[] = [];
  page.on('pageerror', (error) => errors.push(error));
  await page.goto(url, { waitUntil: 'load' });
  return {
    page,
    check: () => {
      if (errors.length > 0) throw errors[0]!;
    },
  };
}
