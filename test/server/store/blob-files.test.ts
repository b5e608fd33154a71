import { expect } from 'chai';
import { mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { blobFiles } from '../../../server/store/blob-files.ts';
import { describeBlobs } from '../../contracts/blobs.ts';
import { useFolder } from '../../contracts/folder.ts';
import { refuses } from '../../contracts/store.ts';

describe('blobFiles', () => {
  const folder = useFolder();
  const bytes = Buffer.from('some weights');
  const where = (id: string): string => join(folder(), id.slice(0, 2), id);
  describeBlobs('blobFiles', async () => blobFiles(folder()));

  it('puts a blob into one file named by its hash, and leaves no temporary file', async () => {
    const id = await blobFiles(folder()).put(bytes);
    expect((await readFile(where(id))).equals(bytes)).to.equal(true);
    expect(await readdir(join(folder(), 'tmp'))).to.deep.equal([]);
  });

  it('removes what an interrupted write left, when the owner opens it and not when a reader does', async () => {
    const torn = join(folder(), 'tmp', '0123456789ab');
    await mkdir(join(folder(), 'tmp'));
    await writeFile(torn, 'half a bl');
    blobFiles(folder(), { owner: false });
    expect(await readdir(join(folder(), 'tmp'))).to.deep.equal(['0123456789ab']);
    blobFiles(folder());
    expect(await readdir(join(folder(), 'tmp'))).to.deep.equal([]);
  });

  it('refuses a blob whose bytes were changed on the disk', async () => {
    const id = await blobFiles(folder()).put(bytes);
    await writeFile(where(id), 'other weight');
    await refuses(blobFiles(folder()).get(id), 'STORE_CORRUPT');
  });

  it('writes a blob again that is shorter on the disk than it was', async () => {
    const id = await blobFiles(folder()).put(bytes);
    await truncate(where(id), 3);
    await refuses(blobFiles(folder()).get(id), 'STORE_CORRUPT');
    const again = blobFiles(folder());
    await again.put(bytes);
    expect(Buffer.from(await again.get(id)).equals(bytes)).to.equal(true);
  });

  it('writes a blob again that is damaged on the disk, when another process puts it', async () => {
    const id = await blobFiles(folder()).put(bytes);
    await writeFile(where(id), 'other weight'); // of the same length
    const again = blobFiles(folder());
    await again.put(bytes);
    expect(Buffer.from(await again.get(id)).equals(bytes)).to.equal(true);
  });

  it('says that it cannot write, and not that a blob is missing, when its folder is gone', async () => {
    const blobs = blobFiles(folder());
    await rm(folder(), { recursive: true });
    await refuses(blobs.put(bytes), 'BAD_FILE');
  });

  it('ends a read with an error when the file is shorter than it was', async () => {
    const blobs = blobFiles(folder());
    const id = await blobs.put(bytes);
    await truncate(where(id), 3);
    await refuses(
      (async () => {
        for await (const piece of blobs.read(id, 0, bytes.length)) expect(piece).to.have.length(3);
      })(),
      'STORE_CORRUPT',
    );
  });

  it('leaves files that are no blobs alone when it collects', async () => {
    const blobs = blobFiles(folder());
    const id = await blobs.put(bytes);
    await writeFile(join(folder(), id.slice(0, 2), 'notes.txt'), 'mine');
    expect(await blobs.collect(new Set())).to.equal(1);
    expect(await readdir(join(folder(), id.slice(0, 2)))).to.deep.equal(['notes.txt']);
  });
});
