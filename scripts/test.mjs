// Runs the tests with V8's coverage, and fails when a test fails or too little of shared/ and server/ was run (.c8rc.json).
// The files are run in groups, each a process of mocha, as many at once as there are cores (at most four): many tests wait for
// a process, a socket or a page. What a group says is printed when it has ended, and the sums at the end.
// Only the main threads of these processes count: worker threads load the same files compiled in another way, and the
// reports of both do not merge into a true one.
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const reports = join(root, 'coverage', 'tmp');
const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
const flags = process.argv.slice(2);

/** The groups, longest first; a file belongs to the first that its path begins with. */
const groups = [
  'test/integration/',
  'test/browser/',
  'test/commands/',
  'test/torture/',
  'test/shared/engine/',
  'test/simulations/',
  'test/docs/',
  'test/shared/',
  'test/client/',
  'test/',
];

const filesIn = (folder) =>
  readdirSync(folder, { recursive: true })
    .map((file) => relative(root, join(folder, file)))
    .filter((file) => file.endsWith('.test.ts'))
    .sort();
const files = filesIn(join(root, 'test'));
const ofGroup = (group) => files.filter((file) => groups.find((each) => file.startsWith(each)) === group);

/** What each group in progress has said so far, by its process. */
const running = new Map();
const end = (child) => process.kill(-child.pid, 'SIGKILL');
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    for (const [child, { group, said }] of running) {
      process.stdout.write(`\n${group}: ended before it was over\n${said()}`);
      end(child);
    }
    process.exit(1);
  });
}

/** Runs a group; resolves when it has ended. */
function run(group) {
  const started = Date.now();
  const child = spawn(process.execPath, [mocha, ...flags, ...ofGroup(group)], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a process group, so that all of it can be ended
    env: { ...process.env, NODE_V8_COVERAGE: reports, ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}) },
  });
  let said = '';
  running.set(child, { group, said: () => said });
  let left = null;
  const hear = (data) => {
    said += data;
    // Its tests are over: whatever keeps it alive now, a test has left open.
    if (/\d+ passing \(/.test(said)) left ??= setTimeout(() => end(child), 30_000);
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(left);
      running.delete(child);
      const seconds = Math.round((Date.now() - started) / 1000);
      const open = left !== null && signal === 'SIGKILL' ? '  1 failing: the process did not end by itself\n' : '';
      process.stdout.write(`\n${group}: ${seconds} s\n${said}${open}`);
      resolve({ said: said + open, code: code ?? 1 });
    });
  });
}

rmSync(join(root, 'coverage'), { recursive: true, force: true });
const waiting = groups.filter((group) => ofGroup(group).length > 0);
const results = [];
const lane = async () => {
  for (let group = waiting.shift(); group !== undefined; group = waiting.shift()) results.push(await run(group));
};
await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, lane));

const total = (what) =>
  results.reduce((sum, { said }) => sum + Number(new RegExp(`(\\d+) ${what}`).exec(said)?.[1] ?? 0), 0);
// coverage-<process>-<time>-<thread>.json
for (const file of readdirSync(reports)) if (!file.endsWith('-0.json')) rmSync(join(reports, file));
const c8 = [join(root, 'node_modules/c8/bin/c8.js'), 'report', '--check-coverage', '--temp-directory', reports];
const coverage = flags.length > 0 ? 0 : (spawnSync(process.execPath, c8, { cwd: root, stdio: 'inherit' }).status ?? 1);
process.stdout.write(
  `\n${total('passing')} passing, ${total('pending')} pending, ${total('failing')} failing in all\n`,
);
process.exit(results.some(({ code }) => code !== 0) ? 1 : coverage);
