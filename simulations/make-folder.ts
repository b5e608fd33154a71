import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { makeFolder as make } from '../server/store/make-folder.ts';
import { FederatedError } from '../shared/errors.ts';

/**
 * Makes a folder with all above it.
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
