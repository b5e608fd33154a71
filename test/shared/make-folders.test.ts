import { expect } from 'chai';
import * as fs from 'node:fs/promises';
import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as paths from 'node:path';
import { dirname, join } from 'node:path';
import { folderMaker } from '../../shared/make-folders.ts';

describe('making folders', () => {
  let home = '';
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'fedloom-folders-'));
  });
  afterEach(() => rm(home, { recursive: true, force: true }));
  const make = folderMaker(fs, paths);
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

  it('says where a link leads nowhere', async () => {
    await symlink(join(home, 'nowhere'), join(home, 'link'));
    expect(await messageOf(make(join(home, 'link')))).to.contain('EEXIST');
    expect(await messageOf(make(join(home, 'link', 'under')))).to.contain('EEXIST');
  });

  it('ends where a file system has no folder to give', async function () {
    if (process.platform !== 'linux') this.skip(); // only Linux has /proc
    expect(await messageOf(make('/proc/fedloom/x'))).to.contain('ENOENT');
  });
});
