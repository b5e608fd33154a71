import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { FederatedError } from '../../shared/errors.ts';
import { blobFiles } from './blob-files.ts';
import { lockFolder } from './lock.ts';
import { makeFolder } from './make-folder.ts';
import { isOlder } from './sqlite-file.ts';
import { openSqliteStore } from './sqlite.ts';
import type { BlobStore, Store } from './store.ts';

export interface OpenedStore {
  readonly store: Store;
  readonly blobs: BlobStore;
  /** Absolute. */
  readonly dataDir: string;
  /** Closes the store, then gives the lock back. May be called twice. */
  readonly close: () => Promise<void>;
}

/**
 * Opens a server's data folder: `fedloom.db`, `blobs/` and, for the one owner, `server.lock`.
 * @param options.lock - true (the default) to own the folder, which is created where it is missing (access for its owner
 *   only); false to read one that is there, also while a server runs on it (of an older format only when none does)
 * @throws FederatedError STORE_LOCKED, STORE_NEWER, STORE_CORRUPT, STORE_FULL, BAD_FILE, or NOT_FOUND without `lock`
 */
export async function openStore(
  folder: string,
  { lock = true }: { readonly lock?: boolean } = {},
): Promise<OpenedStore> {
  const dataDir = resolve(folder);
  const file = join(dataDir, 'fedloom.db');
  if (lock) {
    await makeFolder(dataDir, 0o700);
  } else if (!existsSync(file)) {
    throw new FederatedError(
      'NOT_FOUND',
      `there is no data in ${folder}; start a server with 'fedloom serve', or name its folder with --data-dir`,
    );
  }
  // Only an owner brings an older file up to date: a server that runs on it could not read it any more.
  const unlock = lock || isOlder(file) ? lockFolder(dataDir) : () => {};
  try {
    const store = openSqliteStore(file);
    const blobs = blobFiles(join(dataDir, 'blobs'), { owner: lock });
    const close = async (): Promise<void> => {
      // Whatever the disk says, the next server may have the folder.
      await store.close().finally(unlock);
    };
    return { store, blobs, dataDir, close };
  } catch (error) {
    unlock();
    throw error;
  }
}
