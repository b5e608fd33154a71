import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/**
 * A disk in a file, mounted by the loop driver. What a program has written to it without fsync lies in the kernel's memory, and
 * not yet in the file: a copy of the file at any moment is what a power cut at that moment would leave.
 */
export class LoopDisk {
  readonly #folder: string;
  /** Where it is mounted. */
  readonly path: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.path = join(folder, 'disk');
  }

  /**
   * @param bytes - size of the disk
   * @throws Error that says why there is none: not root, no loop devices, no mkfs
   */
  static async make(bytes: number): Promise<LoopDisk> {
    const folder = await mkdtemp(join(tmpdir(), 'fedloom-disk-'));
    const disk = new LoopDisk(folder);
    try {
      await mkdir(disk.path);
      await writeFile(disk.#image, '');
      await truncate(disk.#image, bytes);
      await execute('mkfs.ext4', ['-q', '-F', '-m', '0', disk.#image]);
      await mount(disk.#image, disk.path);
      return disk;
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  get #image(): string {
    return join(this.#folder, 'image');
  }

  /** What the disk would hold after a power cut now; a disk of its own, mounted for as long as `look` takes. */
  async afterPowerCut<T>(look: (path: string) => Promise<T>): Promise<T> {
    const image = join(this.#folder, 'cut');
    const path = join(this.#folder, 'after');
    await mkdir(path, { recursive: true });
    await execute('cp', ['--sparse=always', this.#image, image]);
    await mount(image, path); // the file system takes up its journal, as it does after a power cut
    try {
      return await look(path);
    } finally {
      await execute('umount', ['-l', path]);
      await rm(image, { force: true });
    }
  }

  /** From now on it may only be read, as a kernel makes a disk on which it has met an error. */
  async fail(): Promise<void> {
    await execute('mount', ['-o', 'remount,abort', this.path]);
  }

  /** A copy of it in its place, checked and mounted anew, after `fail`. */
  async mend(): Promise<void> {
    await execute('umount', ['-l', this.path]);
    const copy = join(this.#folder, 'mended');
    await execute('cp', ['--sparse=always', this.#image, copy]);
    await execute('e2fsck', ['-p', copy]).catch((error: { code?: number }) => {
      if (error.code !== 1) throw error; // 1: errors were put right
    });
    await mount(copy, this.path);
  }

  async close(): Promise<void> {
    await execute('umount', ['-l', this.path]);
    await rm(this.#folder, { recursive: true, force: true });
  }
}

const mount = (image: string, path: string): Promise<unknown> => execute('mount', ['-o', 'loop', image, path]);
