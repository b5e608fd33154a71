import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zip } from '../../../server/export/zip.ts';

describe('a zip archive', () => {
  it('has the layout and the checksum of the format', () => {
    const archive = Buffer.from(zip({ 'a.txt': '123456789' }));
    expect(archive.readUInt32LE(0)).to.equal(0x04034b50);
    expect(archive.readUInt32LE(14)).to.equal(0xcbf43926); // CRC-32 of "123456789", the check value of ITU-T V.42
    expect([archive.readUInt32LE(18), archive.readUInt32LE(22), archive.readUInt16LE(26)]).to.deep.equal([9, 9, 5]);
    expect(archive.subarray(30, 44).toString()).to.equal('a.txt123456789');
    const end = archive.length - 22;
    expect([archive.readUInt32LE(end), archive.readUInt16LE(end + 10)]).to.deep.equal([0x06054b50, 1]);
    expect(archive.readUInt32LE(end + 16)).to.equal(44); // where the directory begins
    expect(archive.readUInt32LE(44)).to.equal(0x02014b50);
  });

  it('is opened by another program', function () {
    const folder = mkdtempSync(join(tmpdir(), 'fedloom-zip-'));
    try {
      const path = join(folder, 'a.zip');
      writeFileSync(
        path,
        zip({ 'model.json': '{"ä": 1}', 'weights.bin': Uint8Array.from({ length: 1_000 }, (_, i) => i) }),
      );
      const code =
        'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); print(z.testzip(), z.read("model.json").decode(), len(z.read("weights.bin")))';
      const { status, stdout, error } = spawnSync('python3', ['-c', code, path], {
        encoding: 'utf8',
        env: { ...process.env, PYTHONIOENCODING: 'utf-8' },
      });
      if (error !== undefined) return this.skip(); // no Python on this machine
      expect([status, stdout.trim()]).to.deep.equal([0, 'None {"ä": 1} 1000']);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
