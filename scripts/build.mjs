// Compiles the source folders to dist/, bundles the page, and copies the files that are not TypeScript.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildClient } from './build-client.mjs';
import { buildDashboard } from './build-dashboard.mjs';
import { buildTry } from './build-try.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
rmSync(join(root, 'dist'), { recursive: true, force: true });
const result = spawnSync(process.execPath, [join(typescript, 'bin', 'tsc'), '-p', join(root, 'tsconfig.build.json')], {
  stdio: ['ignore', 2, 2], // stdout belongs to the command that asked for the build
});
if (result.status !== 0) process.exit(result.status ?? 1);
await buildDashboard(join(root, 'dist/server/dashboard'));
for (const file of ['engine-torch.py', 'peers/flower-simulation.py', 'peers/README.md']) {
  cpSync(join(root, 'simulations/bench', file), join(root, 'dist/simulations/bench', file));
}
await buildClient(join(root, 'dist/client'));
await buildTry(join(root, 'dist/client/try'));
chmodSync(join(root, 'dist/cli.js'), 0o755);
