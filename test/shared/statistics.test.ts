import { expect } from 'chai';
import { jainIndex, mean, median, populationDeviation, quantile, sampleDeviation } from '../../shared/statistics.ts';

describe('statistics', () => {
  it('are those of a hand calculation', () => {
    expect(mean([1, 2, 6])).to.equal(3);
    // (2^2 + 1^2 + 3^2) / (3 - 1) = 7
    expect(sampleDeviation([1, 2, 6])).to.be.closeTo(Math.sqrt(7), 1e-12);
    expect(sampleDeviation([5])).to.equal(null);
    // (2^2 + 1^2 + 3^2) / 3
    expect(populationDeviation([1, 2, 6])).to.be.closeTo(Math.sqrt(14 / 3), 1e-12);
    expect(populationDeviation([5])).to.equal(0);
    expect(median([10, 1, 3])).to.equal(3);
    expect(median([1, 3])).to.equal(2);
  });

  it('have quantiles between two values by straight line, as numpy has', () => {
    // numpy.quantile([1, 2, 3, 4], [0, 0.1, 0.5, 0.9, 1]) = [1, 1.3, 2.5, 3.7, 4]: definition 7 of Hyndman and Fan
    const found = [0, 0.1, 0.5, 0.9, 1].map((q) => Number(quantile([1, 2, 3, 4], q).toFixed(12)));
    expect(found).to.deep.equal([1, 1.3, 2.5, 3.7, 4]);
    // numpy 2.4.6: np.percentile([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8], [10, 25, 50, 90])
    const sorted = [1, 1, 2, 3, 3, 4, 5, 5, 5, 6, 8, 9];
    for (const [q, value] of [
      [0.1, 1.1],
      [0.25, 2.75],
      [0.5, 4.5],
      [0.9, 7.8],
    ] as const)
      expect(quantile(sorted, q)).to.be.closeTo(value, 1e-12);
    expect(quantile([7], 0.1)).to.equal(7);
  });

  it("have Jain's index: 1 for equal shares, k/n when k of n share equally", () => {
    expect(jainIndex([3, 3, 3])).to.equal(1);
    expect(jainIndex([1, 1, 0, 0, 0])).to.equal(2 / 5); // Jain, Chiu and Hawe 1984, section 3
    expect(jainIndex([0, 0])).to.equal(1);
  });
});
