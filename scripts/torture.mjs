// Runs the parts of the torture suite, each in a process of its own, and prints their figures:
//   npm run torture                       all of them, with their defaults
//   npm run torture -- dst --seed 7       one of them, with options of its own
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** A `.ts` file is bundled first: compiled on the fly it would run half as fast. */
const parts = [
  { name: 'dst', file: 'test/torture/dst/main.ts', defaults: ['--budget', '900'] },
  { name: 'kills', file: 'test/torture/kills/main.ts', defaults: ['--count', '500'] },
  { name: 'powercuts', file: 'test/torture/powercuts/main.ts', defaults: ['--count', '100'] },
  { name: 'restart', file: 'test/torture/restart/main.ts', defaults: ['--count', '1000'] },
  { name: 'fuzz', file: 'test/torture/fuzz/main.ts', defaults: ['--inputs', '5000000', '--budget', '300'] },
  { name: 'proxy', file: 'test/torture/proxy/main.ts', defaults: ['--count', '50'] },
  { name: 'planted', file: 'scripts/planted-bugs.mjs', defaults: ['--short'] },
];

async function entryOf({ name, file }) {
  if (!file.endsWith('.ts')) return join(root, file);
  const outfile = join(root, 'dist', 'torture', `${name}.mjs`);
  mkdirSync(dirname(outfile), { recursive: true });
  const options = { bundle: true, platform: 'node', format: 'esm', packages: 'external', sourcemap: true };
  await build({ ...options, entryPoints: [join(root, file)], outfile, logLevel: 'error' });
  return outfile;
}

const [wanted, ...rest] = process.argv.slice(2);
const chosen = wanted === undefined ? parts : parts.filter(({ name }) => name === wanted);
if (chosen.length === 0) {
  console.error(`there is no part ${wanted}; known are ${parts.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
let failed = 0;
for (const part of chosen) {
  if (!existsSync(join(root, part.file))) throw new Error(`${part.file} is missing`);
  console.log(`== ${part.name}`);
  const args = rest.length > 0 ? rest : part.defaults;
  const { status } = spawnSync(process.execPath, [await entryOf(part), ...args], { cwd: root, stdio: 'inherit' });
  if (status !== 0) failed++;
}
if (chosen.length > 1) console.log(`${chosen.length - failed} of ${chosen.length} parts held`);
process.exit(failed === 0 ? 0 : 1);
