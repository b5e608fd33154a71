import { LoopDisk } from '../torture/powercuts/loop-disk.ts';

/**
 * A disk of 16 MiB for each test of a suite, which is skipped where none can be mounted. Ends after what was asked to end before this
 * was called.
 */
export function useSmallDisk(): () => LoopDisk {
  let disk: LoopDisk | undefined;
  beforeEach(async function () {
    try {
      disk = await LoopDisk.make(16 * 2 ** 20);
    } catch {
      process.stderr.write('      skipped: a small disk cannot be mounted here, which needs root\n');
      this.skip(); // only root may mount a file as a disk
    }
  });
  afterEach(async () => {
    await disk?.close();
    disk = undefined;
  });
  return () => disk!;
}
