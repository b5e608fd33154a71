import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const { resolve } = createRequire(import.meta.url);

/**
 * The package as an application has it after `npm install`, compiled from the sources as they are: `node_modules/fedloom` in a
 * folder, beside the packages that it depends on.
 */
export function installPackage(folder: string): void {
  const modules = join(folder, 'node_modules');
  const own = join(modules, 'fedloom');
  mkdirSync(own, { recursive: true });
  cpSync(join(root, 'package.json'), join(own, 'package.json'));
  const compiler = join(dirname(resolve('typescript/package.json')), 'bin', 'tsc');
  const project = ['-p', join(root, 'tsconfig.build.json'), '--outDir', join(own, 'dist')];
  const { status, stdout } = spawnSync(process.execPath, [
    compiler,
    ...project,
    '--sourceMap',
    'false',
    '--inlineSources',
    'false',
  ]);
  if (status !== 0) throw new Error(`tsc: ${String(stdout)}`);
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  for (const name of Object.keys(dependencies)) {
    const link = join(modules, name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), link, 'junction');
  }
}
