import { expect } from 'chai';
import { fedBuff } from '../../../server/strategies/fedbuff.ts';
import { describeStrategy } from '../../contracts/strategy.ts';
import { weightsAfter, type FakeReport } from '../../helpers/reports.ts';

const make = () => fedBuff({ bufferSize: 3 });
describeStrategy('FedBuff', make, { setting: 'when no report is stale', strategy: make() });

/** Reports in one dimension, as stale as that. */
const stale = (strategy: ReturnType<typeof fedBuff>, ...reports: [examples: number, update: number, tau: number][]) =>
  reports.map(([examples, update, tau]): FakeReport => ({
    update: [update],
    examples,
    factor: strategy.buffer!.scale(tau),
  }));

describe('FedBuff', () => {
  it('weighs a report by 1 / sqrt(1 + staleness)', () => {
    const { scale } = make().buffer!;
    // Nguyen et al. 2022, section 5
    expect([0, 3, 8, 99].map((tau) => scale(tau))).to.deep.equal([1, 1 / 2, 1 / 3, 1 / 10]);
    expect(scale(1)).to.be.closeTo(0.707_106_781_186_547_5, 1e-15);
    const constant = fedBuff({ bufferSize: 3, staleness: 'constant' }).buffer!;
    expect([0, 1, 50].map((tau) => constant.scale(tau))).to.deep.equal([1, 1, 1]);
  });

  it('makes the model of a small schedule', async () => {
    // K = 3, uniform weighting, as in the paper's Algorithm 1 with eta_g = 0.5: updates 2, 4 and 6 of staleness 0, 3 and 8.
    // (2 * 1 + 4 * 1/2 + 6 * 1/3) / 3 = 2; 10 + 0.5 * 2 = 11
    const strategy = fedBuff({ bufferSize: 3, serverLearningRate: 0.5 });
    const reports = stale(strategy, [7, 2, 0], [1, 4, 3], [9, 6, 8]);
    expect(await weightsAfter(strategy, [10], reports, { weighting: 'uniform' })).to.deep.equal([11]);
    // By examples: (10 * 1 * 2 + 20 * 1/2 * 4 + 10 * 1/3 * 6) / (10 + 20 + 10) = (20 + 40 + 20) / 40 = 2; 10 + 2 = 12
    const byExamples = make();
    expect(await weightsAfter(byExamples, [10], stale(byExamples, [10, 2, 0], [20, 4, 3], [10, 6, 8]))).to.deep.equal([
      12,
    ]);
    // Without the weight for staleness: (20 + 80 + 60) / 40 = 4
    const constant = fedBuff({ bufferSize: 3, staleness: 'constant' });
    expect(await weightsAfter(constant, [10], stale(constant, [10, 2, 0], [20, 4, 3], [10, 6, 8]))).to.deep.equal([14]);
  });

  it('takes a smaller step the staler all reports are', async () => {
    const strategy = make();
    // All of staleness 3: half of the mean of 2, 4 and 6
    const [weight] = await weightsAfter(strategy, [0], stale(strategy, [1, 2, 3], [1, 4, 3], [1, 6, 3]));
    expect(weight).to.equal(2);
  });
});
