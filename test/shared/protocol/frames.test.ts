import { expect } from 'chai';
import fc from 'fast-check';
import { concat, fromHex, toHex } from '../../../shared/bytes.ts';
import { decodeFrame, encodeChunkFrame, encodeControlFrame, tagOf } from '../../../shared/protocol/frames.ts';
import { codeOf } from '../../helpers/primitives.ts';

const upload = Uint8Array.from({ length: 16 }, (_, i) => 0xf0 + i);
const codeOfHex = (hex: string, maxChunk = 16) => codeOf(() => decodeFrame(fromHex(hex), maxChunk));

describe('a frame', () => {
  it('carries a control message behind 16 bytes', () => {
    // kind 1, then zeros; 81 a1 61 01 is {a: 1} in msgpack
    const frame = encodeControlFrame({ a: 1 });
    expect(toHex(frame)).to.equal(`01${'00'.repeat(15)}81a16101`);
    expect(decodeFrame(frame, 16)).to.deep.equal({ kind: 'control', payload: fromHex('81a16101') });
  });

  it('carries a chunk with the tag of its upload and its offset, little-endian', () => {
    const frame = encodeChunkFrame(upload, 2 ** 32 + 8, Uint8Array.of(1, 2, 3, 4));
    // kind 2; the upload's name starts f0 f1 f2 f3; 2^32 + 8 = 08 00 00 00 01 00 00 00
    expect(toHex(frame)).to.equal('02000000f0f1f2f3080000000100000001020304');
    expect(tagOf(upload)).to.equal(0xf3f2f1f0);
  });

  it('gives back what went in, as views', () =>
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.integer({ min: 0, max: 2 ** 51 - 1 }),
        fc.array(fc.float({ noNaN: true }), { minLength: 1, maxLength: 20 }),
        (name, quarter, values) => {
          const payload = new Uint8Array(Float32Array.from(values).buffer);
          const frame = encodeChunkFrame(name, 4 * quarter, payload);
          const decoded = decodeFrame(frame, 80);
          expect(decoded).to.deep.equal({ kind: 'chunk', tag: tagOf(name), offset: 4 * quarter, payload });
          expect(decoded.payload.buffer).to.equal(frame.buffer);
        },
      ),
    ));

  it('is read at any place in a larger buffer', () => {
    const frame = encodeChunkFrame(upload, 4, Uint8Array.of(1, 2, 3, 4));
    const shifted = concat(new Uint8Array(3), frame).subarray(3);
    expect(decodeFrame(shifted, 4)).to.deep.equal(decodeFrame(frame, 4));
  });

  it('is refused when it is shorter than its header', () => {
    for (let length = 0; length < 16; length++)
      expect(codeOfHex('01' + '00'.repeat(Math.max(0, length - 1)))).to.equal('BAD_FRAME');
  });

  it('is refused with an unknown kind or with reserved bytes that are not zero', () => {
    for (const head of ['00000000', '03000000', 'ff000000', '01010000', '02000100', '01000001']) {
      expect(codeOfHex(`${head}${'00'.repeat(12)}01020304`)).to.equal('BAD_FRAME');
    }
  });

  it('is refused as a control message with a tag, an offset, or without a message', () => {
    expect(codeOfHex(`0100000001000000${'00'.repeat(8)}80`)).to.equal('BAD_FRAME');
    expect(codeOfHex('0100000000000000040000000000000080')).to.equal('BAD_FRAME');
    expect(codeOfHex('0100000000000000000000000000008080')).to.equal('BAD_FRAME');
    expect(codeOfHex(`01${'00'.repeat(15)}`)).to.equal('BAD_FRAME');
  });

  it('is refused as a chunk that is empty, too long, no multiple of 4, or at an impossible offset', () => {
    const chunk = (offset: string, payload: string): string => `0200000001020304${offset}${payload}`;
    const zero = '0000000000000000';
    expect(codeOfHex(chunk(zero, ''))).to.equal('BAD_FRAME');
    expect(codeOfHex(chunk(zero, '010203'))).to.equal('BAD_FRAME');
    expect(codeOfHex(chunk(zero, '00'.repeat(20)))).to.equal('BAD_FRAME');
    expect(codeOfHex(chunk(zero, '00'.repeat(16)))).to.equal(undefined);
    expect(codeOfHex(chunk('0200000000000000', '01020304'))).to.equal('BAD_FRAME');
    expect(codeOfHex(chunk('0000000000002000', '01020304'))).to.equal('BAD_FRAME'); // 2^53
    expect(codeOfHex(chunk('fcffffffffff1f00', '01020304'))).to.equal(undefined); // 2^53 - 4
  });

  it('is not made for a chunk that no one would take', () => {
    const payload = new Uint8Array(4);
    for (const offset of [-4, 2, 0.5, Number.NaN, 2 ** 53, Infinity]) {
      expect(codeOf(() => encodeChunkFrame(upload, offset, payload))).to.equal('BAD_ARGUMENT');
    }
    expect(codeOf(() => encodeChunkFrame(upload, 0, new Uint8Array(0)))).to.equal('BAD_ARGUMENT');
    expect(codeOf(() => encodeChunkFrame(upload, 0, new Uint8Array(6)))).to.equal('BAD_ARGUMENT');
    expect(codeOf(() => encodeChunkFrame(upload.subarray(1), 0, payload))).to.equal('BAD_ARGUMENT');
  });
});
