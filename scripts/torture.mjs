// Runs the parts of the torture suite, each in a process of its own, and prints their figures:
//   npm run torture                       all of them, in full
//   npm run torture -- --minutes 15       as much of them as can be done by then; what was left out is said
//   npm run torture -- dst --seed 7       one of them, with options of its own
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/**
 * In each lane one after the other, the lanes side by side: the parts of the first wait most of their time. `share` is the part of
 * the time then left that one may take, if there is an end to it. A `.ts` file is bundled first: compiled on the fly it would
 * run half as fast.
 */
const lanes = [
  [
    { name: 'powercuts', file: 'test/torture/powercuts/main.ts', full: ['--count', '100'], share: 0.3 },
    { name: 'restart', file: 'test/torture/restart/main.ts', full: ['--count', '1000'], share: 0.3 },
    { name: 'kills', file: 'test/torture/kills/main.ts', full: ['--count', '500'], share: 0.5 },
    { name: 'proxy', file: 'test/torture/proxy/main.ts', full: ['--count', '50'], share: 1 },
  ],
  [
    { name: 'fuzz', file: 'test/torture/fuzz/main.ts', full: ['--inputs', '5000000'], share: 0.4 },
    { name: 'dst', file: 'test/torture/dst/main.ts', full: ['--count', '100000', '--secure-count', '0'], share: 1 },
  ],
];
/** Last, and only where there is no end to the time: it takes all cores for several minutes. */
const planted = { name: 'planted', file: 'scripts/planted-bugs.mjs', full: ['--short'], share: 1 };

async function entryOf({ name, file }) {
  if (!existsSync(join(root, file))) throw new Error(`${file} is missing`);
  if (!file.endsWith('.ts')) return join(root, file);
  const outfile = join(root, 'dist', 'torture', `${name}.mjs`);
  mkdirSync(dirname(outfile), { recursive: true });
  const options = { bundle: true, platform: 'node', format: 'esm', packages: 'external', sourcemap: true };
  await build({ ...options, entryPoints: [join(root, file)], outfile, logLevel: 'error' });
  return outfile;
}

const running = new Set();
/** A process and all that it has started. */
const killAll = (child) => process.kill(-child.pid, 'SIGKILL');
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    for (const child of running) killAll(child);
    process.exit(1);
  });
}

/** Room for what lives short: nearly everything that a simulated world makes. */
const flags = ['--max-semi-space-size=32'];

/** What a part may take beyond its time, to end what it is at, s. */
const grace = 60;

/**
 * Runs one part. What it says is printed whole at its end, so that parts side by side stay readable.
 * @param budget - s, after which it begins nothing more; a part that hangs is ended
 */
async function run(part, args, { live = false, budget = Infinity } = {}) {
  const entry = await entryOf(part);
  const stdio = ['ignore', live ? 'inherit' : 'pipe', 'inherit'];
  const timed = budget === Infinity ? args : [...args, '--budget', String(budget)];
  const child = spawn(process.execPath, [...flags, entry, ...timed], { cwd: root, stdio, detached: true });
  running.add(child);
  const over = budget === Infinity ? undefined : setTimeout(() => killAll(child), 1_000 * (budget + grace));
  let said = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => (said += text));
  const status = await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(over);
  running.delete(child);
  if (status === null) said += 'it was ended, since it did not end by itself\n';
  if (!live) process.stdout.write(`== ${part.name} ${status === 0 ? 'held' : 'FAILED'}\n${said}`);
  return { name: part.name, held: status === 0, last: said.trim().split('\n').at(-1) ?? '' };
}

const args = process.argv.slice(2);
const every = [...lanes.flat(), planted];
if (args[0] !== undefined && !args[0].startsWith('-')) {
  const one = every.find(({ name }) => name === args[0]);
  if (one === undefined) {
    console.error(`there is no part ${args[0]}; known are ${every.map(({ name }) => name).join(', ')}`);
    process.exit(2);
  }
  const { held } = await run(one, args.length > 1 ? args.slice(1) : one.full, { live: true });
  process.exit(held ? 0 : 1);
}

const minutes = args[0] === '--minutes' ? Number(args[1]) : Infinity;
if (!(minutes > 0) || (args.length > 0 && args[0] !== '--minutes')) {
  console.error('usage: npm run torture [-- --minutes N | -- PART OPTIONS], with N > 0');
  process.exit(2);
}
const end = performance.now() + 60_000 * minutes;
const begun = performance.now();
const results = [];
const asked = minutes === Infinity ? every : lanes.flat();
const ticking = setInterval(() => {
  const missing = asked.filter(({ name }) => !results.some((result) => result.name === name)).map(({ name }) => name);
  console.log(`... ${((performance.now() - begun) / 60_000).toFixed(0)} minutes; still to end: ${missing.join(', ')}`);
}, 60_000);
await Promise.all(
  lanes.map(async (lane) => {
    for (const part of lane) {
      const left = Math.max(1, Math.floor((part.share * (end - performance.now())) / 1_000));
      results.push(await run(part, part.full, { budget: left }));
    }
  }),
);
if (minutes === Infinity) results.push(await run(planted, planted.full));
clearInterval(ticking);

console.log('\n== all');
for (const { name, held, last } of results) console.log(`${held ? 'held  ' : 'FAILED'} ${name.padEnd(10)}${last}`);
if (minutes !== Infinity) console.log('left out planted: bugs are planted only where there is no end to the time');
const failed = results.filter(({ held }) => !held).length;
console.log(`${results.length - failed} of ${results.length} parts of the torture suite held`);
process.exit(failed === 0 ? 0 : 1);
