import { expect } from 'chai';
import fc from 'fast-check';
import { countIn, decodePositions, encodePositions } from '../../../shared/secagg/positions.ts';
import { codeOf } from '../../helpers/primitives.ts';

describe('a set of positions', () => {
  it('has position p as bit p % 8 of byte p / 8', () => {
    expect(encodePositions([0, 3, 9], 10)).to.deep.equal(Uint8Array.of(0b0000_1001, 0b0000_0010));
    expect(encodePositions([], 9)).to.deep.equal(Uint8Array.of(0, 0));
    expect([...decodePositions(Uint8Array.of(0b1000_0001, 1), 9)]).to.deep.equal([0, 7, 8]);
  });

  it('comes back ascending and without repetition, whatever the order', () => {
    const sets = fc
      .integer({ min: 1, max: 300 })
      .chain((clients) => fc.tuple(fc.constant(clients), fc.array(fc.integer({ min: 0, max: clients - 1 }))));
    fc.assert(
      fc.property(sets, ([clients, positions]) => {
        const decoded = [...decodePositions(encodePositions(positions, clients), clients)];
        expect(decoded).to.deep.equal([...new Set(positions)].sort((a, b) => a - b));
      }),
    );
  });

  it('has one form only: bytes that decode are those that the set encodes to', () => {
    const bytes = fc.tuple(fc.uint8Array({ maxLength: 4 }), fc.integer({ min: 1, max: 32 }));
    fc.assert(
      fc.property(bytes, ([bits, clients]) => {
        const isForm =
          bits.length === Math.ceil(clients / 8) && (clients % 8 === 0 || bits.at(-1)! < 2 ** (clients % 8));
        expect(codeOf(() => decodePositions(bits, clients))).to.equal(isForm ? undefined : 'SECAGG_MESSAGE');
        if (isForm) expect(encodePositions(decodePositions(bits, clients), clients)).to.deep.equal(bits);
      }),
    );
  });

  it('counts those of a list', () => {
    expect(countIn([1, 2, 5], new Set([2, 5, 7]))).to.equal(2);
    expect(countIn([], new Set([2]))).to.equal(0);
  });
});
