import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FederatedError } from '../../shared/errors.ts';
import { isRunFolder } from './read-folder.ts';

/**
 * Run folders as they were given, and for a folder of run folders those in it, in order of name.
 * @throws FederatedError NOT_FOUND when a folder is neither
 */
export async function expandFolders(folders: readonly string[]): Promise<string[]> {
  const all: string[] = [];
  for (const folder of folders) {
    if (await isRunFolder(folder)) all.push(folder);
    else all.push(...(await runsIn(folder)));
  }
  return all;
}

async function runsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  const inside: string[] = [];
  for (const name of names.toSorted()) if (await isRunFolder(join(folder, name))) inside.push(join(folder, name));
  if (inside.length > 0) return inside;
  throw new FederatedError(
    'NOT_FOUND',
    `folders: ${folder} is no run folder (it has no metrics.jsonl), and there is none in it`,
  );
}
