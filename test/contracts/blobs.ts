import { expect } from 'chai';
import { blobPieceBytes, type BlobStore } from '../../server/store/store.ts';
import { sha256Id } from '../../shared/ids.ts';
import { refuses } from './store.ts';

// FIPS 180-4 example: the SHA-256 of 'abc'
const abc = sha256Id('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');

/** What every BlobStore does. `open` gives an empty one. */
export function describeBlobs(name: string, open: () => Promise<BlobStore>): void {
  describe(`${name} as a BlobStore`, () => {
    let blobs: BlobStore;
    beforeEach(async () => {
      blobs = await open();
    });

    it('names a blob by its SHA-256 and gives it back', async () => {
      expect(await blobs.put(Buffer.from('abc'))).to.equal(abc);
      expect(Buffer.from(await blobs.get(abc)).toString()).to.equal('abc');
      expect(await blobs.size(abc)).to.equal(3);
    });

    it('does nothing for a blob that is there, also when it is put many times at once', async () => {
      const ids = await Promise.all(Array.from({ length: 8 }, () => blobs.put(Buffer.from('abc'))));
      expect(new Set(ids)).to.deep.equal(new Set([abc]));
      expect(Buffer.from(await blobs.get(abc)).toString()).to.equal('abc');
    });

    it('knows the empty blob', async () => {
      const id = await blobs.put(new Uint8Array());
      expect(await blobs.size(id)).to.equal(0);
      expect(await blobs.get(id)).to.have.length(0);
    });

    it('says what is not there', async () => {
      expect(await blobs.size(abc)).to.equal(null);
      await refuses(blobs.get(abc), 'NOT_FOUND');
      await refuses(collect(blobs.read(abc, 0, 1)), 'NOT_FOUND');
    });

    it('reads part of a blob in pieces', async () => {
      const bytes = Uint8Array.from({ length: 2 * blobPieceBytes + 100 }, (_, i) => (i * 31) % 251);
      const id = await blobs.put(bytes);
      const pieces = await collect(blobs.read(id, 10, bytes.length - 10));
      expect(pieces.every(({ length }) => length <= blobPieceBytes)).to.equal(true);
      expect(Buffer.concat(pieces).equals(bytes.subarray(10, -10))).to.equal(true);
    });

    it('keeps its own copy of the bytes', async () => {
      const bytes = Buffer.from('abc');
      await blobs.put(bytes);
      bytes.fill(0);
      const got = await blobs.get(abc);
      expect(Buffer.from(got).toString()).to.equal('abc');
      got.fill(0);
      expect(Buffer.from(await blobs.get(abc)).toString()).to.equal('abc');
    });

    it('removes single blobs, whether they are there or not, and takes them again', async () => {
      await blobs.put(Buffer.from('abc'));
      const other = await blobs.put(Buffer.from('abcd'));
      await blobs.remove([other, other]);
      expect([await blobs.size(other), await blobs.size(abc)]).to.deep.equal([null, 3]);
      await refuses(blobs.get(other), 'NOT_FOUND');
      expect(await blobs.put(Buffer.from('abcd'))).to.equal(other);
      expect(Buffer.from(await blobs.get(other)).toString()).to.equal('abcd');
    });

    it('removes the blobs that nobody needs', async () => {
      await blobs.put(Buffer.from('abc'));
      const other = await blobs.put(Buffer.from('abcd'));
      expect(await blobs.collect(new Set([abc]))).to.equal(1);
      expect(await blobs.size(other)).to.equal(null);
      expect(await blobs.size(abc)).to.equal(3);
      expect(await blobs.put(Buffer.from('abcd'))).to.equal(other);
      expect(await blobs.size(other)).to.equal(4);
    });
  });
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return all;
}
