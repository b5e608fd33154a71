import { expect } from 'chai';
import fc from 'fast-check';
import { gzipSync } from 'node:zlib';
import { FederatedError } from '../../../shared/errors.ts';
import { parseIdx } from '../../../simulations/datasets/idx.ts';

// Two images of 1x3 bytes, and two int32 labels, written out by the format's description.
const images = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255);
const labels = Uint8Array.of(0, 0, 12, 1, 0, 0, 0, 2, 0, 0, 1, 0, 255, 255, 255, 255);

describe('parseIdx', () => {
  it('reads bytes and big-endian int32 values, plain and gzip’d', () => {
    for (const pack of [(bytes: Uint8Array) => bytes, (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes))]) {
      const { shape, data } = parseIdx(pack(images), 'images');
      expect(shape).to.deep.equal([2, 1, 3]);
      expect([...data]).to.deep.equal([1, 2, 3, 4, 5, 255]);
      expect([...parseIdx(pack(labels), 'labels').data]).to.deep.equal([256, -1]);
    }
  });

  const huge = Uint8Array.of(0, 0, 8, 3, ...Array.from({ length: 12 }, () => 255));
  const wrong: [string, Uint8Array, RegExp][] = [
    ['an empty file', new Uint8Array(0), /is not an IDX file/],
    ['another format', new TextEncoder().encode('a,b\n1,2\n'), /is not an IDX file/],
    ['values of a kind that it does not know', Uint8Array.of(0, 0, 13, 1, 0, 0, 0, 0), /is not an IDX file/],
    ['no dimensions', Uint8Array.of(0, 0, 8, 0), /is not an IDX file/],
    ['a header that is cut off', images.subarray(0, 10), /in the middle of its header/],
    ['values that are cut off', images.subarray(0, 20), /takes 22 bytes, the file has 20/],
    ['bytes after its end', Uint8Array.of(...images, 0), /takes 22 bytes, the file has 23/],
    ['sizes beyond every limit', huge, /larger than/],
    ['sizes beyond every limit in gzip', gzipSync(huge), /larger than/],
    ['a gzip file that is cut off', gzipSync(images).subarray(0, 30), /not a whole gzip file/],
    [
      'a gzip file that is longer than its header says',
      gzipSync(Uint8Array.of(...images, 0)),
      /holds more than 22 bytes/,
    ],
    ['a broken gzip file', Uint8Array.of(0x1f, 0x8b, 1, 2, 3), /gzip/],
  ];
  for (const [what, bytes, message] of wrong) {
    it(`refuses ${what}`, () => {
      expect(() => parseIdx(new Uint8Array(bytes), 'some-file'))
        .to.throw(FederatedError, message)
        .with.property('code', 'BAD_FILE');
    });
  }

  it('throws nothing but BAD_FILE, whatever the bytes', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.boolean(), (bytes, asIdx) => {
        if (asIdx) bytes.set([0, 0, 8].slice(0, bytes.length));
        try {
          parseIdx(bytes, 'random');
        } catch (error) {
          expect(error).to.be.instanceOf(FederatedError).with.property('code', 'BAD_FILE');
        }
      }),
    ));
});
