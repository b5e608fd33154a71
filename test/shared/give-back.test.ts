import { expect } from 'chai';
import { giveBack } from '../../shared/give-back.ts';

describe('memory that is given back', () => {
  it('is gone at once', () => {
    const bytes = new Uint8Array(262_160).subarray(16);
    giveBack(bytes);
    expect([bytes.length, bytes.buffer.byteLength]).to.deep.equal([0, 0]);
  });

  it('is left alone where others may have a part of it, and where it is little', () => {
    const shared = new Uint8Array(65_536);
    giveBack(shared.subarray(0, 32_768));
    giveBack(shared.subarray(64));
    giveBack(shared.subarray(8, 65_535)); // the last byte may be the first of what comes next
    const small = new Uint8Array(100);
    giveBack(small);
    expect([shared.length, small.length]).to.deep.equal([65_536, 100]);
  });
});
