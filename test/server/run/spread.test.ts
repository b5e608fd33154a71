import { expect } from 'chai';
import { spreadMetrics } from '../../../server/run/spread.ts';

describe('how a figure is spread over clients', () => {
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
