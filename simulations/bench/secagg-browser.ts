import { spawn } from 'node:child_process';
import * as crypto from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { identityFromSeed } from '../../shared/crypto/identity.ts';
import { nativePrimitives } from '../../shared/crypto/native.ts';
import { generatorOf } from '../../shared/secagg/plan.ts';
import { applyMasksInParts } from '../../shared/vector/mask-parts.ts';
import { benchDelta, replay, toText, type ClientTimes, type Transcript } from './secagg-client.ts';

/** A client of the benchmark of secure aggregation in a headless Chromium, and the same client here. */

/** Measurements on either side, after one that lets the code be compiled. */
const runs = 5;

/** The client's part in this process. */
export async function nodeTimes(transcript: Transcript): Promise<ClientTimes[]> {
  const { plan, update } = transcript.setup;
  const delta = benchDelta(update.dimension);
  const generator = generatorOf(plan);
  const times: ClientTimes[] = [];
  for (let run = 0; run <= runs; run++) {
    const primitives = nativePrimitives(crypto); // remembers no keys from before
    const { keystreams } = primitives;
    times.push(
      await replay(transcript, delta, {
        primitives,
        identity: identityFromSeed(primitives, transcript.seed),
        applyMasks: (words, plus, minus) =>
          applyMasksInParts(words, plan.modulusBits, plus, minus, { generator, keystreams, pause: () => turn() }),
        now: () => performance.now(),
      }),
    );
  }
  return times.slice(1);
}

interface Chromium {
  readonly path: string;
  /** Where it finds its libraries, if not in the system. */
  readonly libraries?: string;
}

/** `$FEDLOOM_CHROMIUM`, the system's, or the one that the tests have unpacked. */
function findChromium(): Chromium | null {
  const named = process.env['FEDLOOM_CHROMIUM'];
  if (named !== undefined && named !== '') return { path: named };
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  for (const name of ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']) {
    const folder = folders.find((each) => existsSync(join(each, name)));
    if (folder !== undefined) return { path: join(folder, name) };
  }
  const cache = join(fileURLToPath(built), '../node_modules/.cache/fedloom');
  const unpacked = existsSync(cache) ? readdirSync(cache).find((name) => name.startsWith('chromium-')) : undefined;
  if (unpacked === undefined) return null;
  return { path: join(cache, unpacked, 'chromium'), libraries: join(cache, unpacked, 'lib') };
}

/** The folder of the built package: `dist/`. */
const built = new URL('../../', import.meta.url);

/** What the page's modules import by name. */
const packages = [
  '@noble/hashes/hkdf.js',
  '@noble/hashes/hmac.js',
  '@noble/hashes/sha2.js',
  'tweetnacl',
  'valibot',
] as const;

/**
 * The client's part in Chromium, by the clock of its page, or a sentence why it could not be measured. The page loads the
 * modules of the built package as they are.
 * @throws Error when the page could not do the part
 */
export async function browserTimes(transcript: Transcript): Promise<ClientTimes[] | string> {
  const chromium = findChromium();
  if (chromium === null) return 'none was found; set FEDLOOM_CHROMIUM to the path of one';
  if (import.meta.url.endsWith('.ts')) return 'a browser needs the built package (npm run bench)';
  const task = toText({ transcript, runs: runs + 1 });
  let finish: (result: unknown) => void = () => {};
  let fail: (error: Error) => void = () => {};
  const result = new Promise<unknown>((resolve, reject) => ([finish, fail] = [resolve, reject]));
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://bench').pathname;
    if (path === '/result') void bodyOf(request).then((body) => finish(JSON.parse(body)));
    const file = path === '/' ? page : path === '/task' ? task : path === '/result' ? '' : moduleAt(path);
    const type = path === '/' ? 'text/html' : path === '/task' ? 'application/json' : 'text/javascript';
    response.writeHead(file === null ? 404 : 200, { 'content-type': `${type}; charset=utf-8` });
    response.end(file ?? '');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const profile = await mkdtemp(join(tmpdir(), 'fedloom-bench-'));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const flags = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    `--user-data-dir=${profile}`,
  ];
  const env = chromium.libraries === undefined ? process.env : { ...process.env, LD_LIBRARY_PATH: chromium.libraries };
  // With a port for a debugger, which nobody uses, the page stays open.
  const child = spawn(chromium.path, [...flags, '--remote-debugging-port=0', url], { stdio: 'ignore', env });
  child.once('error', fail);
  child.once('exit', (code) => fail(new Error(`Chromium ended with code ${code}`)));
  try {
    const times = (await result) as ClientTimes[] | { readonly error: string };
    if (!Array.isArray(times)) throw new Error(`in Chromium: ${(times as { readonly error: string }).error}`);
    return times.slice(1);
  } finally {
    child.removeAllListeners('exit');
    const ended = new Promise((exit) => child.once('exit', exit));
    if (child.exitCode === null && child.kill('SIGKILL')) await ended;
    server.closeAllConnections();
    server.close();
    await rm(profile, { recursive: true, force: true });
  }
}

const importMap = JSON.stringify({ imports: Object.fromEntries(packages.map((name) => [name, `/package/${name}`])) });
const page = `<!doctype html><title>bench</title>
<script type="importmap">${importMap}</script>
<script type="module">
const entry = '/dist/simulations/bench/secagg-page.js';
import(entry).catch((error) => fetch('/result', { method: 'POST', body: JSON.stringify({ error: String(error) }) }));
</script>`;

/** The source of a module of ours, or of a package. */
function moduleAt(path: string): string | null {
  const [, kind, ...rest] = path.split('/');
  const name = rest.join('/');
  if (kind === 'dist') return readIfThere(new URL(name, built));
  if (kind !== 'package') return null;
  const whole = packages.find((each) => each === name);
  if (whole !== undefined) {
    const source = readIfThere(new URL(import.meta.resolve(whole)));
    // A script of Node's old kind: what it exports is the default export.
    return whole === 'tweetnacl'
      ? `const module = { exports: {} };\n${source};\nexport default module.exports;`
      : source;
  }
  // What a package imports beside the file that was asked for.
  const owner = packages.find(
    (each) => each.includes('/') && name.startsWith(each.slice(0, each.lastIndexOf('/') + 1)),
  );
  if (owner === undefined || name.includes('..')) return null;
  return readIfThere(new URL(name.slice(owner.lastIndexOf('/') + 1), import.meta.resolve(owner)));
}

function readIfThere(url: URL): string | null {
  try {
    return readFileSync(url, 'utf8');
  } catch {
    return null;
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}
