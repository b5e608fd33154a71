import { expect } from 'chai';
import { sumOfSquares } from '../../../shared/updates/norm.ts';

describe('sumOfSquares', () => {
  it('is the squared L2 norm, for every length', () => {
    // 1 + 4 + ... + n^2 = n (n + 1) (2n + 1) / 6
    for (let n = 0; n < 20; n++) {
      expect(sumOfSquares(Float32Array.from({ length: n }, (_, i) => i + 1))).to.equal((n * (n + 1) * (2 * n + 1)) / 6);
    }
  });

  it('is not finite when one value is not, wherever it stands', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (let at = 0; at < 9; at++) {
        const values = new Float32Array(9);
        values[at] = bad;
        expect(Number.isFinite(sumOfSquares(values))).to.equal(false);
      }
    }
  });

  it('stays finite for the largest float32 values', () => {
    expect(Number.isFinite(sumOfSquares(new Float32Array(1_000).fill(3.4e38)))).to.equal(true);
  });
});
