import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClientStore } from '../platform.ts';
import { makeFolder } from './make-folder.ts';

/** A client's store in a folder: one file each, readable by the owner only, replaced in one step. */
export const fileStore = (folder: string): ClientStore => ({
  lasting: true,
  async load(name) {
    try {
      return new Uint8Array(await readFile(join(folder, name)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  },
  async save(name, bytes) {
    await makeFolder(folder, 0o700);
    const temporary = join(folder, `.${name}.${process.pid}`);
    const file = await open(temporary, 'w', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, join(folder, name));
    await syncFolder(folder); // else a power cut may bring the file of before back
  },
  async remove(name) {
    await rm(join(folder, name), { force: true });
  },
});

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return; // a folder cannot be opened there
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
