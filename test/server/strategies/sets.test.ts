import { expect } from 'chai';
import fc from 'fast-check';
import { bulyan, nearestMean } from '../../../server/strategies/bulyan.ts';
import { centeredClipping } from '../../../server/strategies/centered-clipping.ts';
import { geometricMedian } from '../../../server/strategies/geometric-median.ts';
import { krum, multiKrum } from '../../../server/strategies/krum.ts';
import { median } from '../../../server/strategies/median.ts';
import type { SetStrategy } from '../../../server/strategies/strategy.ts';
import { trimmedMean } from '../../../server/strategies/trimmed-mean.ts';
import { checkRunConfig, type RunConfigInput } from '../../../server/config.ts';
import type { ModelInput } from '../../../shared/tasks/model.ts';
import { describeStrategy } from '../../contracts/strategy.ts';
import { tinyConfig } from '../../helpers/federation.ts';
import { afterRound, weightsAfter, type FakeReport } from '../../helpers/reports.ts';

const uniform = { weighting: 'uniform' } as const;
/** Sums in another order: within a float32 rounding. */
const rounding = 1e-6;
const sameOf = ([first, ...others]: readonly FakeReport[]): FakeReport[] => [first!, ...others.map(() => first!)];

describeStrategy('coordinate median', median, {
  setting: 'with uniform weighting for two reports',
  strategy: median(),
  around: uniform,
  reports: (all) => (all.length === 1 ? all : all.slice(0, 2)),
  tolerance: rounding,
});
describeStrategy('trimmed mean', () => trimmedMean({ beta: 0.2 }), {
  setting: 'with uniform weighting at beta 0',
  strategy: trimmedMean({ beta: 0 }),
  around: uniform,
  tolerance: rounding,
});
describeStrategy('Krum', () => krum({ byzantine: 1 }), {
  setting: 'when all updates are the same',
  strategy: krum({ byzantine: 1 }),
  around: uniform,
  reports: sameOf,
  tolerance: rounding,
});
describeStrategy('multi-Krum', () => multiKrum({ byzantine: 1 }), {
  setting: 'with uniform weighting when all are kept',
  strategy: multiKrum(),
  around: uniform,
  tolerance: rounding,
});
describeStrategy('Bulyan', () => bulyan({ byzantine: 1 }), {
  setting: 'with uniform weighting at f = 0',
  strategy: bulyan(),
  around: uniform,
  tolerance: rounding,
});
describeStrategy('geometric median', geometricMedian, {
  setting: 'for a smoothing beyond every distance, weighted by examples',
  strategy: geometricMedian({ smoothing: 1e6 }),
  tolerance: rounding,
});
describeStrategy('centered clipping', centeredClipping, {
  setting: 'with uniform weighting for a radius beyond every distance',
  strategy: centeredClipping({ radius: 1e6 }),
  around: uniform,
  tolerance: rounding,
});

const scalars = (...values: number[]): FakeReport[] => values.map((value) => ({ update: [value] }));
/** Of one weight that is zero before. */
const after = async (strategy: SetStrategy, ...values: number[]): Promise<number> =>
  (await weightsAfter(strategy, [0], scalars(...values)))[0]!;

describe('known answers of robust rules', () => {
  // Flower's tests of the same rules: krum_test, multikrum_test, fedmedian_test, fedtrimmedavg_test, bulyan_test.
  it('the median of 0.2, 1.0, 0.5 is 0.5, and of four the mean of the middle two', async () => {
    expect(await after(median(), 0.2, 1, 0.5)).to.equal(0.5);
    expect(await after(median(), 1, 4, 100, 2)).to.equal(3);
  });

  it('the trimmed mean at beta 0.29 leaves out 29 of 100 on each side, though 0.29 · 100 is a little less in binary', async () => {
    // 29 of 1000, 42 of 5, 29 of 0: the mean of the 42 in the middle
    const values = Array.from({ length: 100 }, (_, i) => (i < 29 ? 1_000 : i < 71 ? 5 : 0));
    expect(await after(trimmedMean({ beta: 0.29 }), ...values)).to.equal(5);
  });

  it('the trimmed mean at beta 0.25 of 0.5, 1, 2, 100 is 1.5, and row by row 0.5', async () => {
    expect(await after(trimmedMean({ beta: 0.25 }), 0.5, 1, 2, 100)).to.equal(1.5);
    const rows = [
      [0.5, 0.5, 0.5, 0.5],
      [1, 0.2, 0.5, 1],
      [0.2, 0.5, 1, 0.2],
      [0.5, 1, 0.2, 0.5],
    ].map((update) => ({ update }));
    expect(await weightsAfter(trimmedMean({ beta: 0.25 }), [0, 0, 0, 0], rows)).to.deep.equal([0.5, 0.5, 0.5, 0.5]);
  });

  it('Krum with f = 1 takes 0.7 of 0.2, 0.7, 1.0; multi-Krum keeps 0.2 and 0.5 of 0.2, 0.5, 1.0', async () => {
    expect(await after(krum({ byzantine: 1 }), 0.2, 0.7, 1)).to.equal(Math.fround(0.7));
    expect(await after(multiKrum({ byzantine: 1, keep: 2 }), 0.2, 0.5, 1)).to.be.closeTo(0.35, 1e-7);
  });

  it('Krum by hand: seven clients, two of them together and far away', async () => {
    // n = 7, f = 2: the 3 nearest count. 0: 1 + 4 + 9 = 14 (from 1, 2, 3); 1: 1 + 1 + 4 = 6; 2: 1 + 1 + 4 = 6; 3: 1 + 4 + 1 = 6
    // (from 2, 1, 4); 4: 1 + 4 + 9 = 14; 100 and 100: 0 and two of 96² and more. Of the three with 6 the first is taken.
    expect(await after(krum({ byzantine: 2 }), 0, 1, 2, 3, 4, 100, 100)).to.equal(1);
    // The two lowest of equals: 1 and 2
    expect(await after(multiKrum({ byzantine: 2, keep: 2 }), 0, 1, 2, 3, 4, 100, 100)).to.equal(1.5);
  });

  it('Bulyan at f = 0 is the mean of 0.2, 0.5, 0.7, 12, 0.1, 0.1', async () => {
    expect(await after(bulyan(), 0.2, 0.5, 0.7, 12, 0.1, 0.1)).to.be.closeTo(13.6 / 6, 1e-6);
  });

  it('Bulyan by hand: one of seven is far away', async () => {
    // n = 7, f = 1: theta = 5, then the 3 values nearest to the median of those chosen.
    // Krum with 4 nearest of 0 1 2 3 4 5 100: 2: 4+1+1+4 = 10 and 3: 10 are lowest, 2 is first. Left 0 1 3 4 5 100, 3 nearest:
    // 0: 1+9+16, 1: 1+4+9 = 14, 3: 4+1+4 = 9, 4: 1+1+9 = 11, 5: 1+4+16 -> 3. Left 0 1 4 5 100, 2 nearest: 0: 1+16 = 17,
    // 1: 1+9 = 10, 4: 1+9 = 10, 5: 1+16 -> 1. Left 0 4 5 100, 1 nearest: 0: 16, 4: 1, 5: 1 -> 4. Left 0 5 100: 0: 25, 5: 25 -> 0.
    // Chosen 0 1 2 3 4: median 2, the three nearest 1 2 3, mean 2.
    expect(await after(bulyan({ byzantine: 1 }), 0, 1, 2, 3, 4, 5, 100)).to.equal(2);
    expect(nearestMean(Float64Array.of(0, 1, 2, 10, 11), 3)).to.equal(1); // the median is 2; 0, 1 and 2 are nearest
    expect(nearestMean(Float64Array.of(1, 2, 3), 2)).to.equal(1.5); // 1 and 3 are equally near: the smaller
  });

  it('the geometric median of points on a line is the one in the middle', async () => {
    expect(await after(geometricMedian({ iterations: 100 }), 0, 1, 100)).to.be.closeTo(1, 1e-4);
  });

  it('the geometric median of a triangle sees its sides under 120 degrees', async () => {
    // Fermat's point of the corners (0, 0), (1, 0), (0, 1): x = y = (3 - sqrt 3) / 6
    const corners = [{ update: [0, 0] }, { update: [1, 0] }, { update: [0, 1] }];
    const found = await weightsAfter(geometricMedian({ iterations: 200 }), [0, 0], corners);
    for (const value of found) expect(value).to.be.closeTo((3 - Math.sqrt(3)) / 6, 1e-5);
  });

  it('centered clipping goes from the last aggregate towards each client by at most the radius', async () => {
    // radius 1, one iteration, clients 0.5, 3, -9: from v = 0 by (0.5 + 1 - 1) / 3 = 1/6; then from 1/6 by (1/3 + 1 - 1) / 3 = 1/9
    const strategy = centeredClipping({ radius: 1, iterations: 1 });
    const first = await afterRound(strategy, { weights: [0] }, scalars(0.5, 3, -9));
    expect(first.weights[0]).to.be.closeTo(1 / 6, 1e-7);
    const second = await afterRound(strategy, first, scalars(0.5, 3, -9));
    expect(second.weights[0]).to.be.closeTo(1 / 6 + (1 / 6 + 1 / 9), 1e-6);
  });
});

describe('robust rules against clients that say anything', () => {
  // Nine honest clients between 0 and 1, and two that say whatever is worst.
  const rules: Record<string, SetStrategy> = {
    median: median(),
    'trimmed mean': trimmedMean({ beta: 0.2 }),
    Krum: krum({ byzantine: 2 }),
    'multi-Krum': multiKrum({ byzantine: 2 }),
    Bulyan: bulyan({ byzantine: 2 }),
  };
  for (const [name, strategy] of Object.entries(rules)) {
    it(`${name} stays among the honest, or near them`, () =>
      fc.assert(
        fc.asyncProperty(
          fc.array(fc.float({ min: 0, max: 1, noNaN: true }), { minLength: 9, maxLength: 9 }),
          fc.array(fc.float({ min: -1e5, max: 1e5, noNaN: true }), { minLength: 2, maxLength: 2 }),
          async (honest, liars) => {
            const found = await after(strategy, ...honest, ...liars);
            // A liar may hide next to the honest: multi-Krum then keeps it, but none beyond the spread of the honest.
            expect(found).to.be.within(-1.001, 2.001);
          },
        ),
        { numRuns: 200 },
      ));
  }
});

describe("a robust rule in a run's config", () => {
  const messageOf = (strategy: object, changes: Partial<RunConfigInput> = {}): string => {
    try {
      checkRunConfig(
        tinyConfig({ minClients: 10, ...changes, strategy: strategy as NonNullable<RunConfigInput['strategy']> }),
      );
    } catch (thrown) {
      return `${(thrown as { code: string }).code} ${(thrown as Error).message}`;
    }
    return 'nothing was refused';
  };

  it('is refused with secure aggregation, in one sentence that says what to do', () => {
    expect(messageOf({ name: 'median' }, { secureAggregation: true })).to.match(
      /^BAD_CONFIG .*median.*secureAggregation to false/,
    );
    const { secureAggregation, ...rest } = tinyConfig({ minClients: 10, strategy: { name: 'median' } });
    expect(secureAggregation).to.equal(false);
    expect(checkRunConfig(rest).secureAggregation, 'off unless asked for').to.equal(false);
  });

  it('needs as many reports as its paper says', () => {
    expect(messageOf({ name: 'krum', byzantine: 4 })).to.match(
      /needs 11 reports in every round, and a round may have 10/,
    );
    expect(messageOf({ name: 'bulyan', byzantine: 2 })).to.match(/needs 11 reports/);
    expect(messageOf({ name: 'krum', byzantine: 3 }, { minReports: 8 })).to.match(/needs 9 reports.*minReports is 8/);
    expect(messageOf({ name: 'krum', byzantine: 3 })).to.equal('nothing was refused');
    expect(messageOf({ name: 'trimmed-mean', beta: 0.5 })).to.match(/strategy.beta/);
    expect(messageOf({ name: 'geometric-median', smoothing: 1e-310 })).to.match(/strategy.smoothing/);
  });

  it('is refused where its updates would not fit into memory', () => {
    // 4 GiB / 4 bytes / 10 clients = 107,374,182 weights; this model has 110,010,000
    const model: ModelInput = {
      input: [11_000],
      layers: [{ type: 'dense', units: 10_000 }],
      loss: 'mean-squared-error',
    };
    const task = { ...tinyConfig().task, model, data: { features: [11_000], labels: { targets: 10_000 } } };
    expect(messageOf({ name: 'median' }, { task })).to.match(/^BAD_CONFIG .*keeps every update.*lower clientsPerRound/);
  });
});

describe('rules over single updates and running statistics', () => {
  const statistics = [{ start: 1, end: 2 }];

  it('give a variance the median of what the clients have, so that no rate takes it below zero', async () => {
    // Variances 0.4, 0.4 and 0.5 from 1; twice the median change of -0.6 would be -0.2.
    const reports = [{ update: [1, -0.6] }, { update: [2, -0.6] }, { update: [3, -0.5] }];
    const { weights } = await afterRound(median({ serverLearningRate: 2 }), { weights: [0, 1] }, reports, {
      statistics,
    });
    expect(weights[0]).to.equal(4);
    expect(weights[1]).to.be.closeTo(0.4, 1e-6);
  });

  it('keep what they carry from round to round away from it', async () => {
    const rule = centeredClipping();
    const first = [{ update: [0, -0.9] }, { update: [0, -0.9] }, { update: [0, -0.9] }];
    const one = await afterRound(rule, { weights: [0, 1] }, first, { statistics });
    const second = [{ update: [8, 0] }, { update: [9, 0] }, { update: [8, 0] }];
    const two = await afterRound(rule, one, second, { statistics });
    expect(two.weights[1]).to.be.closeTo(0.1, 1e-6);
  });
});
