import * as fs from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { FederatedError } from '../../shared/errors.ts';
import { makeFolders } from '../../shared/make-folders.ts';

/** Makes a folder with all above it. @throws FederatedError BAD_FILE */
export async function makeFolder(path: string, mode?: number): Promise<void> {
  try {
    await makeFolders(fs, dirname, resolve(path), mode);
  } catch (cause) {
    throw new FederatedError('BAD_FILE', `the folder ${path} cannot be made: ${(cause as Error).message}`, { cause });
  }
}
