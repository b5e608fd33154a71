import { expect } from 'chai';
import fc from 'fast-check';
import type { ErrorCode } from '../../../shared/errors.ts';
import { decodeControl } from '../../../shared/protocol/codec.ts';
import { decodeFrame, encodeControlFrames } from '../../../shared/protocol/frames.ts';
import { LongMessage } from '../../../shared/protocol/long-message.ts';
import { refuses } from '../../contracts/store.ts';

const maxBytes = 10_000;
const partBytes = 100;
const message = (length: number): object => ({ type: 'roster', adverts: Uint8Array.from({ length }, (_, i) => i) });
const framesOf = (length: number): Uint8Array[] =>
  encodeControlFrames(message(length), { maxControlBytes: 200, chunkBytes: partBytes });

type Part = Parameters<LongMessage['take']>[0];
const part = (total: number, offset: number, length: number): Part => ({
  total,
  offset,
  payload: new Uint8Array(length),
});
const refused = (code: ErrorCode, ...parts: Part[]): Promise<void> => {
  const long = new LongMessage({ maxBytes, partBytes });
  for (const each of parts.slice(0, -1)) expect(long.take(each)).to.equal(null);
  return refuses(
    Promise.resolve().then(() => long.take(parts.at(-1)!)),
    code,
  );
};

describe('a long control message', () => {
  it('goes in one frame up to the limit, and in parts beyond', () => {
    expect(framesOf(100)).to.have.length(1);
    expect(framesOf(1_000).length).to.be.within(11, 12);
  });

  it('comes together again, one after the other', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 200, max: 5_000 }), { minLength: 1, maxLength: 4 }), (lengths) => {
        const long = new LongMessage({ maxBytes, partBytes });
        for (const length of lengths) {
          const frames = framesOf(length).map((frame) => decodeFrame(frame, partBytes));
          const results = frames.map((frame) => (frame.kind === 'part' ? long.take(frame) : undefined));
          expect(results.slice(0, -1).every((each) => each === null)).to.equal(true);
          expect(decodeControl(results.at(-1)!, maxBytes)).to.deep.equal(message(length));
        }
      }),
    );
  });

  it('is refused when it is longer than allowed, before any memory is taken', () =>
    refused('TOO_LARGE', part(10_001, 0, 100)));

  it('is refused when a part does not follow the one before', async () => {
    await refused('BAD_FRAME', part(300, 100, 100)); // not from the beginning
    await refused('BAD_FRAME', part(300, 0, 100), part(300, 0, 100)); // the same again
    await refused('BAD_FRAME', part(300, 0, 100), part(300, 200, 100)); // a gap
    await refused('BAD_FRAME', part(300, 0, 100), part(400, 100, 100)); // another length
  });

  it('is refused in parts smaller than need be', () => refused('BAD_FRAME', part(300, 0, 99)));

  it('is no frame when a part is empty or goes beyond its message', () => {
    const [first] = framesOf(1_000) as [Uint8Array];
    const beyond = first.slice();
    new DataView(beyond.buffer).setUint32(4, 50, true); // a message of 50 bytes with a part of 100
    for (const bad of [first.subarray(0, 16), beyond]) {
      expect(() => decodeFrame(bad, partBytes))
        .to.throw()
        .with.property('code', 'BAD_FRAME');
    }
  });
});
