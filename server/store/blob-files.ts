import { createHash, randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FederatedError } from '../../shared/errors.ts';
import { sha256Id, type Sha256 } from '../../shared/ids.ts';
import { keepNewest } from '../keep-newest.ts';
import { blobPieceBytes, type BlobStore } from './store.ts';

/**
 * Blobs as files `<folder>/ab/<sha256>`. A blob is written to a temporary file, made durable, renamed, and then its folder
 * is made durable, so that after a power cut a name never stands for half a blob.
 * @param options.owner - true for the one server of a data folder: removes what an interrupted write left. Readers pass
 *   false, so that they touch nothing of a running server
 */
export function blobFiles(folder: string, { owner = true } = {}): BlobStore {
  const temporary = join(folder, 'tmp');
  if (owner) {
    mkdirSync(temporary, { recursive: true, mode: 0o700 });
    // The names of the folders themselves: on some file systems a blob's fsync does not cover them.
    for (const path of [folder, dirname(folder)]) syncFolderNow(path);
    for (const name of readdirSync(temporary)) rmSync(join(temporary, name), { force: true });
  }
  const folderOf = (id: Sha256): string => join(folder, id.slice(0, 2));
  const pathOf = (id: Sha256): string => join(folderOf(id), id);
  /** Blobs whose names this process knows to be durable: the newest of them, which may be put again. */
  const durable = new Map<Sha256, true>();

  const size = async (id: Sha256): Promise<number | null> => {
    try {
      return (await stat(pathOf(id))).size;
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return null;
      throw error;
    }
  };

  const holds = async (id: Sha256): Promise<boolean> =>
    createHash('sha256')
      .update(await readFile(pathOf(id)))
      .digest('hex') === id;

  async function write(id: Sha256, bytes: Uint8Array): Promise<void> {
    const draft = join(temporary, randomBytes(12).toString('hex'));
    try {
      const file = await open(draft, 'wx', 0o600);
      try {
        for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at)).bytesWritten;
        await file.sync();
      } finally {
        await file.close();
      }
      if (await makeFolder(folderOf(id))) await syncFolder(folder);
      await rename(draft, pathOf(id));
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  }

  return {
    async put(bytes) {
      const id = sha256Id(createHash('sha256').update(bytes).digest('hex'));
      if (durable.has(id)) return id;
      try {
        // A damaged file is written again.
        if ((await size(id)) !== bytes.length || !(await holds(id))) await write(id, bytes);
        // Also for one that was there: an earlier process may have ended between rename and this.
        await syncFolder(folderOf(id));
      } catch (error) {
        throw writeError(id, error);
      }
      keepNewest(durable, id, true, 1_000);
      return id;
    },
    async get(id) {
      let bytes: Uint8Array;
      try {
        bytes = await readFile(pathOf(id));
      } catch (error) {
        throw blobError(id, error);
      }
      if (createHash('sha256').update(bytes).digest('hex') === id) return bytes;
      durable.delete(id);
      throw new FederatedError(
        'STORE_CORRUPT',
        `blob ${id} is damaged on the disk; restore the data folder from a copy`,
      );
    },
    size,
    async *read(id, start, end) {
      try {
        const file = await open(pathOf(id), 'r');
        try {
          for (let at = start; at < end;) {
            const piece = new Uint8Array(Math.min(blobPieceBytes, end - at));
            const { bytesRead } = await file.read(piece, 0, piece.length, at);
            if (bytesRead === 0) throw new FederatedError('STORE_CORRUPT', `blob ${id} is shorter than its size`);
            at += bytesRead;
            yield piece.subarray(0, bytesRead);
          }
        } finally {
          await file.close();
        }
      } catch (error) {
        throw blobError(id, error);
      }
    },
    async remove(ids) {
      for (const id of ids) {
        durable.delete(id);
        await rm(pathOf(id), { force: true });
      }
    },
    async collect(keep) {
      let removed = 0;
      for (const sub of await readdir(folder)) {
        if (!/^[0-9a-f]{2}$/.test(sub)) continue;
        for (const name of await readdir(join(folder, sub))) {
          if (!/^[0-9a-f]{64}$/.test(name) || keep.has(name as Sha256)) continue;
          durable.delete(name as Sha256);
          await rm(join(folder, sub, name), { force: true });
          removed++;
        }
      }
      return removed;
    },
  };
}

/** Not recursive: on a full disk that says that the folder is not there. @returns false when it was there */
async function makeFolder(path: string): Promise<boolean> {
  try {
    await mkdir(path, { mode: 0o700 });
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

const hasCode = (error: unknown, ...codes: string[]): boolean =>
  codes.includes((error as NodeJS.ErrnoException).code ?? '');

/** Makes the names in a folder durable, before anything else is done. */
export function syncFolderNow(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function blobError(id: Sha256, error: unknown): FederatedError {
  if (error instanceof FederatedError) return error;
  if (hasCode(error, 'ENOENT')) return new FederatedError('NOT_FOUND', `there is no blob ${id}`, { cause: error });
  return new FederatedError('BAD_FILE', `blob ${id}: ${(error as Error).message}`, { cause: error });
}

function writeError(id: Sha256, error: unknown): FederatedError {
  if (!hasCode(error, 'ENOSPC', 'EDQUOT', 'EFBIG')) {
    return new FederatedError('BAD_FILE', `blob ${id} cannot be written: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const message = `blob ${id} cannot be written: the disk is full; free some space`;
  return new FederatedError('STORE_FULL', message, { cause: error });
}
