import { expect } from 'chai';
import * as fs from 'node:fs/promises';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { makeFolders } from '../../shared/make-folders.ts';

describe('making folders', () => {
  let home = '';
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'fedloom-folders-'));
  });
  afterEach(() => rm(home, { recursive: true, force: true }));
  const make = (path: string, mode?: number): Promise<void> => makeFolders(fs, dirname, path, mode);
  const messageOf = (work: Promise<void>): Promise<string> => work.then(() => '', String);

  it('makes all that are missing, with the mode that is asked for, and takes one that is there', async () => {
    const path = join(home, 'a', 'b', 'c');
    await make(path, 0o700);
    await make(path);
    for (const each of [path, dirname(path)]) {
      const { mode } = await stat(each);
      if (process.platform !== 'win32') expect(mode & 0o777).to.equal(0o700);
    }
  });

  it('lets two make the same one at once', async () => {
    await Promise.all(Array.from({ length: 8 }, () => make(join(home, 'a', 'b'))));
    expect((await stat(join(home, 'a', 'b'))).isDirectory()).to.equal(true);
  });

  it('says where a file is in the way', async () => {
    await writeFile(join(home, 'file'), '');
    expect(await messageOf(make(join(home, 'file')))).to.contain('is a file');
    expect(await messageOf(make(join(home, 'file', 'under')))).to.contain('is a file');
  });

  it('ends where a file system has no folder to give', async function () {
    if (process.platform !== 'linux') this.skip(); // only Linux has /proc
    expect(await messageOf(make('/proc/fedloom/x'))).to.contain('ENOENT');
  });
});
