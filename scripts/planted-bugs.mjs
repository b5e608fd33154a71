// Plants one bug after the other into a copy of the tree, and says which test catches which: `--short` stops at the first
// catch of each, `--only NAME` plants one. A bug that nothing catches makes it end with 1.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { plantedBugs } from './planted-bugs-table.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({ options: { short: { type: 'boolean', default: false }, only: { type: 'string' } } });

const copy = mkdtempSync(join(tmpdir(), 'fedloom-planted-'));
for (const name of [
  'shared',
  'server',
  'client',
  'simulations',
  'commands',
  'test',
  'cli.ts',
  'package.json',
  'tsconfig.json',
]) {
  cpSync(join(root, name), join(copy, name), { recursive: true });
}
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));

const node = (args, seconds) => {
  const options = { cwd: copy, encoding: 'utf8', timeout: 1000 * seconds, env: { ...process.env, NODE_OPTIONS: '' } };
  const { status, stdout } = spawnSync(process.execPath, args, options);
  return { failed: status !== 0, stdout };
};

/** What the simulation says, or null. */
async function simulation({ seeds = 300, secure = 10 }) {
  const outfile = join(copy, 'dist', 'dst.mjs');
  const options = { bundle: true, platform: 'node', format: 'esm', packages: 'external', logLevel: 'error' };
  await build({ ...options, entryPoints: [join(copy, 'test/torture/dst/main.ts')], outfile }).catch((error) => {
    throw new Error(`a planted bug has to be source that compiles: ${error.message}`);
  });
  const counts = ['--from', '1', '--count', String(seeds), '--secure-count', String(secure)];
  const { failed, stdout } = node([outfile, ...counts, '--workers', '1', '--first'], 240);
  return failed
    ? `simulation: ${(stdout.trim().split('\n').at(-1) ?? '').slice(0, 110) || 'it ended by itself'}`
    : null;
}

/** The first test in the files that fails, or null. */
function tests(files) {
  const mocha = [join('node_modules', 'mocha', 'bin', 'mocha.js'), '--no-config', '--bail', '--reporter', 'json'];
  const run = ['--node-option', 'import=tsx', '--node-option', 'no-experimental-require-module', '--timeout', '60000'];
  const { failed, stdout } = node([...mocha, ...run, ...files], 240);
  if (!failed) return null;
  try {
    const { failures } = JSON.parse(stdout.slice(stdout.indexOf('{\n')));
    return `${files.join(' ')}: "${failures[0].fullTitle}"`;
  } catch {
    return `${files.join(' ')}: it ended by itself`;
  }
}

let survivors = 0;
const chosen = plantedBugs.filter(({ name }) => values.only === undefined || name === values.only);
try {
  for (const { name, file, from, to, tests: files, seeds, secure } of chosen) {
    const path = join(copy, file);
    const text = readFileSync(path, 'utf8');
    if (text.split(from).length !== 2) throw new Error(`${name}: ${file} has not this text once: ${from}`);
    writeFileSync(
      path,
      text.replace(from, () => to),
    );
    const catches = [await simulation({ seeds, secure })];
    if (catches[0] === null || !values.short) for (const each of files) catches.push(tests([each]));
    writeFileSync(path, text);
    const caught = catches.filter((each) => each !== null);
    console.log(`${caught.length > 0 ? 'caught  ' : 'SURVIVES'}  ${name}`);
    for (const each of caught) console.log(`            ${each}`);
    if (caught.length === 0) survivors++;
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
console.log(`${chosen.length - survivors} of ${chosen.length} planted bugs caught`);
process.exit(survivors === 0 ? 0 : 1);
