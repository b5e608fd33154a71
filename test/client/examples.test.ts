import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, symlink } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { build } from 'vite';
import { runId } from '../../shared/ids.ts';
import { checkTask } from '../../shared/tasks/task.ts';
import { useFolder } from '../contracts/folder.ts';
import { launchBrowser } from '../helpers/browser.ts';
import { Federation } from '../helpers/federation.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const examples = join(root, 'client/examples');
const readTask = async (file: string) => checkTask(JSON.parse(await readFile(join(examples, file), 'utf8')));

/** A copy of an example beside the packages that its README installs. */
async function copyOf(name: string, to: string): Promise<string> {
  const folder = join(to, name);
  await cp(join(examples, name), folder, { recursive: true });
  await mkdir(join(to, 'node_modules'), { recursive: true });
  for (const each of ['vite', 'react', 'react-dom', 'scheduler']) {
    await symlink(join(root, 'node_modules', each), join(to, 'node_modules', each));
  }
  await symlink(root, join(to, 'node_modules/fedloom'));
  return folder;
}

describe('the examples of the client', function () {
  this.timeout(60_000);
  const folder = useFolder();
  const children: ChildProcess[] = [];

  before(function () {
    // They import the package as its users do.
    if (!existsSync(join(root, 'dist/client/browser.js'))) throw new Error('the package is not built: npm run build');
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  function start(path: string, ...args: string[]) {
    const child = spawn(process.execPath, [path, ...args], { cwd: folder(), stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    let [out, err] = ['', ''];
    child.stderr.on('data', (data: Buffer) => (err += data.toString()));
    const said = new Promise<string>((resolve, reject) => {
      child.stdout.on('data', (data: Buffer) => {
        out += data.toString();
        if (out.includes('\n')) resolve(out.split('\n')[0]!);
      });
      child.on('close', () => reject(new Error(`${path} ended: ${err}`)));
    });
    said.catch(() => {}); // only a test that awaits it minds
    const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
      child.on('close', (code) => resolve({ code, out, err }));
    });
    return { said, ended };
  }

  it('Node quick start: three clients find the line', async () => {
    const path = await copyOf('node-quick-start', folder());
    const server = start(join(path, 'server.mjs'), join(folder(), 'data'));
    const link = await server.said;
    const clients = [1, 2, 3].map(() => start(join(path, 'client.mjs'), link));
    for (const { ended } of clients) {
      const { code, out, err } = await ended;
      expect(code, err).to.equal(0);
      expect(err).to.include('round 10: done');
      const [a, b, c] = out.trim().split(' ').map(Number);
      expect([a, b, c!]).to.satisfy(
        () => Math.abs(a! - 3) < 0.2 && Math.abs(b! + 2) < 0.2 && Math.abs(c! - 1.05) < 0.2,
      );
    }
    expect((await server.ended).code).to.equal(0);
  });

  it('sensor: three devices that make their readings up train with secure aggregation', async () => {
    const federation = await Federation.open();
    try {
      const task = await readTask('raspberry-pi-sensor/task.json');
      await federation.server.operations.create({ task, rounds: 2, minClients: 3, seed: 1 }, runId('sensors'));
      const path = await copyOf('raspberry-pi-sensor', folder());
      const devices = [1, 2, 3].map((i) =>
        start(join(path, 'sensor.mjs'), federation.server.joinLink, '--simulate', String(i)),
      );
      for (const { ended } of devices) {
        const { code, out, err } = await ended;
        expect(code, err).to.equal(0);
        expect(out).to.equal('round 1: done\nround 2: done\n');
      }
    } finally {
      await federation.close();
    }
  });

  it('sensor: says what it needs, and where no sensor is, fails at once', async () => {
    const path = await copyOf('raspberry-pi-sensor', folder());
    const bare = await start(join(path, 'sensor.mjs')).ended;
    expect([bare.code, bare.err]).to.deep.equal([
      2,
      'usage: node sensor.mjs LINK [--every MS] [--state DIR] [--file PATH] [--simulate SEED]\n',
    ]);
    const none = await start(join(path, 'sensor.mjs'), 'ws://127.0.0.1:9/v1', '--file', '/no/such/file').ended;
    expect(none.code).to.equal(1);
    expect(none.err).to.include('/no/such/file');
  });

  describe('in pages that Vite has built', () => {
    let browser: Browser;
    before(async function () {
      browser = await launchBrowser(this);
    });
    after(() => browser?.close());

    for (const name of ['vite-page', 'react-page']) {
      it(`${name}: asks, takes part, and shows its rounds`, async () => {
        const path = await copyOf(name, folder());
        const outDir = join(folder(), `${name}-built`);
        await build({ root: path, logLevel: 'silent', build: { outDir }, preview: {} });
        const site = await serve(outDir);
        const { port } = site.address() as AddressInfo;
        const origin = `http://127.0.0.1:${port}`;
        const federation = await Federation.open({ allowedOrigins: [origin] });
        try {
          const task = await readTask('vite-page/task.json');
          await federation.server.operations.create(
            { task, rounds: 2, minClients: 1, secureAggregation: false, seed: 1 },
            runId('pages'),
          );
          const page = await browser.newPage();
          const errors: string[] = [];
          page.on('pageerror', ({ message }) => errors.push(message));
          await page.goto(`${origin}/#${encodeURIComponent(federation.server.joinLink)}`);
          await page.getByRole('button', { name: 'Take part' }).click();
          await page.locator('ol li').nth(1).waitFor();
          expect(await page.locator('ol li').allTextContents()).to.deep.equal(['round 1: done', 'round 2: done']);
          expect(errors).to.deep.equal([]);
          await page.close();
        } finally {
          await federation.close();
          site.close();
        }
      });
    }
  });
});

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
  '.css': 'text/css',
};

/** The files of a folder, on a free port, under a policy that a careful site has. */
function serve(folder: string): Promise<Server> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, 'http://site');
    readFile(join(folder, pathname === '/' ? 'index.html' : pathname)).then(
      (body) => {
        response.setHeader('Content-Type', types[extname(pathname)] ?? 'text/html');
        response.setHeader(
          'Content-Security-Policy',
          "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; object-src 'none'",
        );
        response.end(body);
      },
      () => {
        response.statusCode = 404;
        response.end();
      },
    );
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}
