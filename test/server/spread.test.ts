import { expect } from 'chai';
import { jainIndex, quantile, spreadMetrics } from '../../server/spread.ts';

describe('how a figure is spread over clients', () => {
  it('has quantiles between two values by straight line', () => {
    // numpy.quantile([1, 2, 3, 4], [0, 0.1, 0.5, 0.9, 1]) = [1, 1.3, 2.5, 3.7, 4]: definition 7 of Hyndman and Fan
    const found = [0, 0.1, 0.5, 0.9, 1].map((q) => Number(quantile([1, 2, 3, 4], q).toFixed(12)));
    expect(found).to.deep.equal([1, 1.3, 2.5, 3.7, 4]);
    expect(quantile([5], 0.1)).to.equal(5);
  });

  it("has Jain's index: 1 for equal shares, k/n when k of n share equally", () => {
    expect(jainIndex([3, 3, 3])).to.equal(1);
    expect(jainIndex([1, 1, 0, 0, 0])).to.equal(2 / 5); // Jain, Chiu and Hawe 1984, section 3
    expect(jainIndex([0, 0])).to.equal(1);
  });

  it('becomes metrics of a round where two clients or more have told it', () => {
    const client = (accuracy: number | null, norm: number | null) => ({ accuracy, norm });
    expect(spreadMetrics([client(0.9, 1), client(null, null)])).to.deep.equal({});
    expect(spreadMetrics([client(0.5, 4), client(1, 2), client(7, 3)])).to.deep.equal({
      // The accuracy of 7 is none. Mean 0.75, both 0.25 away; (1.5)^2 / (2 * 1.25) = 0.9.
      'fairness/p10': 0.55,
      'fairness/p50': 0.75,
      'fairness/p90': 0.95,
      'fairness/std': 0.25,
      'fairness/jain': 0.9,
      'norm/min': 2,
      'norm/p25': 2.5,
      'norm/p50': 3,
      'norm/p75': 3.5,
      'norm/max': 4,
    });
  });
});
