import { FederatedError } from './errors.ts';

/** What is needed of `node:fs/promises` and `node:path`, so that this file needs no Node to compile; callers hand the modules in. */
export interface FolderSystem {
  mkdir(path: string, options: { readonly mode?: number }): Promise<unknown>;
  stat(path: string): Promise<{ isDirectory(): boolean }>;
}
export interface Paths {
  dirname(path: string): string;
  resolve(path: string): string;
}

/**
 * Makes a folder with all above it, one after the other. Node's own way (`recursive`) never ends where a file system such as /proc
 * denies that a folder is there which it has just refused to make.
 * @param mode - of what is made, as far as the process's mask lets it; default: whatever that lets it
 * @returns makeFolder(path, mode), which throws FederatedError BAD_FILE
 */
export const folderMaker =
  (fs: FolderSystem, { dirname, resolve }: Paths) =>
  async (path: string, mode = 0o777): Promise<void> => {
    const isThere = async (folder: string): Promise<boolean> => {
      const there = await fs.stat(folder).catch(() => null);
      if (there !== null && !there.isDirectory()) throw new Error(`${folder} is a file`);
      return there !== null;
    };
    const make = async (folder: string): Promise<void> => {
      if (await isThere(folder)) return;
      const parent = dirname(folder);
      if (parent !== folder) await make(parent);
      await fs.mkdir(folder, { mode }).catch(async (error: unknown) => {
        if (!(await isThere(folder))) throw error; // else another process was faster
      });
    };
    try {
      await make(resolve(path));
    } catch (cause) {
      throw new FederatedError('BAD_FILE', `the folder ${path} cannot be made: ${(cause as Error).message}`, { cause });
    }
  };
