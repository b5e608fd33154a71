/** What is needed of `node:fs/promises`, so that this file needs no Node to compile; callers hand the module in. */
export interface FolderSystem {
  mkdir(path: string, options: { readonly mode?: number }): Promise<unknown>;
  stat(path: string): Promise<{ isDirectory(): boolean }>;
}

/**
 * Makes a folder with all above it, one after the other. Node's own way (`recursive`) never ends where a file system such as /proc
 * denies that a folder is there which it has just refused to make.
 * @param parentOf - `dirname` of `node:path`
 * @param path - absolute
 * @param mode - of what is made, as far as the process's mask lets it
 * @throws Error of the file system
 */
export async function makeFolders(
  fs: FolderSystem,
  parentOf: (path: string) => string,
  path: string,
  mode = 0o777,
): Promise<void> {
  const there = await fs.stat(path).catch(() => null);
  if (there?.isDirectory() === true) return;
  if (there !== null) throw new Error(`${path} is a file`);
  const parent = parentOf(path);
  if (parent !== path) await makeFolders(fs, parentOf, parent, mode);
  await fs.mkdir(path, { mode }).catch((error: unknown) => {
    if ((error as { code?: unknown }).code !== 'EEXIST') throw error; // another process was faster
  });
}
