import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where data sets may lie on this machine. */

type Environment = Readonly<Record<string, string | undefined>>;

/** `$FEDLOOM_CACHE`, or the user's cache folder by the custom of the platform. */
export function cacheFolder(env: Environment = process.env, platform: string = process.platform): string {
  if (env['FEDLOOM_CACHE']) return env['FEDLOOM_CACHE'];
  if (platform === 'win32') return join(env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local'), 'fedloom', 'cache');
  if (platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'fedloom');
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'fedloom');
}

/** The package's own folder: the nearest above this file that has a package.json (this file also runs from `dist/`). */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** Folders that may hold the files of a data set, in the order in which they are tried. */
export function dataFolders(name: string, env: Environment = process.env): string[] {
  const own = env['FEDLOOM_DATA'] ? [join(env['FEDLOOM_DATA'], name)] : [];
  return [...own, join(packageRoot(), '..', 'shared', 'data', name), join(cacheFolder(env), name)];
}
