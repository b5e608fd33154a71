// Runs the tests with V8's coverage, and fails when a test fails or too little of shared/ and server/ was run (.c8rc.json).
// Only the main thread of the test process counts: worker threads load the same files compiled in another way, and the
// reports of both do not merge into a true one.
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const reports = join(root, 'coverage', 'tmp');
const run = (script, args, env = {}) => {
  const options = { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } };
  return spawnSync(process.execPath, [join(root, 'node_modules', script), ...args], options).status ?? 1;
};

rmSync(join(root, 'coverage'), { recursive: true, force: true });
const tests = run('mocha/bin/mocha.js', process.argv.slice(2), { NODE_V8_COVERAGE: reports });
// coverage-<process>-<time>-<thread>.json
for (const file of readdirSync(reports)) if (!file.endsWith('-0.json')) rmSync(join(reports, file));
const coverage = run('c8/bin/c8.js', ['report', '--check-coverage', '--temp-directory', reports]);
process.exit(tests === 0 ? coverage : tests);
