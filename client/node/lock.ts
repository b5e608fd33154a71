import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from './make-folder.ts';

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // alive, and not ours
  }
};

/**
 * Takes a client's state folder for this process, so that two clients do not share an identity by mistake. A lock whose
 * process is gone is taken over.
 * @returns a function that gives it back, or null when another process has it
 */
export async function lockFolder(folder: string): Promise<(() => Promise<void>) | null> {
  await makeFolder(folder, 0o700);
  const path = join(folder, 'lock');
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const file = await open(path, 'wx', 0o600);
      await file.writeFile(String(process.pid));
      await file.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const pid = Number(await readFile(path, 'utf8').catch(() => ''));
    if (Number.isInteger(pid) && pid > 0 && isAlive(pid)) return null;
    await rm(path, { force: true });
  }
  return null;
}
