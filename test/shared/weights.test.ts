import { expect } from 'chai';
import fc from 'fast-check';
import { FederatedError } from '../../shared/errors.ts';
import { bytesFloats, floatBytes, layoutOf, layoutSize, sizeOf } from '../../shared/weights.ts';

describe('a layout', () => {
  it('lays tensors one after the other', () => {
    const layout = layoutOf([
      { name: 'kernel', shape: [784, 200] },
      { name: 'bias', shape: [200] },
      { name: 'scale', shape: [] },
    ]);
    expect(layout.map(({ offset }) => offset)).to.deep.equal([0, 156_800, 157_000]); // 784 * 200; + 200
    expect(layoutSize(layout)).to.equal(157_001); // a scalar is one number
  });

  it('of nothing has size 0', () => {
    expect(layoutSize(layoutOf([]))).to.equal(0);
    expect(sizeOf([3, 0])).to.equal(0);
  });
});

describe('floatBytes and bytesFloats', () => {
  it('are little-endian IEEE 754', () => {
    // 1 = 0x3f800000, -2 = 0xc0000000
    expect(Buffer.from(floatBytes(Float32Array.of(1, -2))).toString('hex')).to.equal('0000803f000000c0');
  });

  it('undo each other, bit for bit, at any offset', () =>
    fc.assert(
      fc.property(fc.float32Array({ maxLength: 50 }), fc.integer({ min: 0, max: 7 }), (values, offset) => {
        const moved = Buffer.alloc(offset + values.byteLength);
        moved.set(floatBytes(values), offset);
        const back = bytesFloats(moved.subarray(offset));
        expect(Buffer.from(floatBytes(back)).equals(floatBytes(values))).to.equal(true);
      }),
    ));

  it('share memory where the bytes lie at a multiple of 4, else copy', () => {
    const bytes = new Uint8Array(12);
    const shared = bytesFloats(bytes.subarray(4));
    const copied = bytesFloats(bytes.subarray(2, 6));
    bytes.fill(0xff);
    expect(Number.isNaN(shared[0])).to.equal(true); // 0xffffffff
    expect(copied[0]).to.equal(0);
    const values = new Float32Array([0, 1, 2]).subarray(1);
    expect(floatBytes(values)).to.have.length(8);
    floatBytes(values).fill(0);
    expect(values[0]).to.equal(0);
  });

  it('refuse what is no whole number of floats', () => {
    expect(() => bytesFloats(new Uint8Array(6)))
      .to.throw(FederatedError)
      .with.property('code', 'WRONG_SHAPE');
  });
});
