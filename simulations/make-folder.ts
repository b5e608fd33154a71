import { constants } from 'node:fs';
import { access, mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { FederatedError } from '../shared/errors.ts';

/**
 * Makes a folder with all above it, one after the other: `mkdir` of Node with `recursive` never ends where a file system such as
 * /proc denies that a folder is there which it has just refused to make.
 * @param what - the setting that names it
 * @returns the absolute path, which can be written to
 * @throws FederatedError BAD_FILE
 */
export async function makeFolder(path: string, what: string): Promise<string> {
  const whole = resolve(path);
  try {
    await make(whole);
    await access(whole, constants.W_OK);
    return whole;
  } catch (cause) {
    throw new FederatedError('BAD_FILE', `${what}: ${path} cannot be written: ${(cause as Error).message}`, { cause });
  }
}

async function make(path: string): Promise<void> {
  const there = await stat(path).catch(() => null);
  if (there?.isDirectory() === true) return;
  if (there !== null) throw new Error(`${path} is a file`);
  if (dirname(path) !== path) await make(dirname(path));
  await mkdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error; // another process was faster
  });
}
