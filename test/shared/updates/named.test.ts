import { expect } from 'chai';
import { DecodedSum } from '../../../shared/updates/decode.ts';
import { encodeUpdate } from '../../../shared/updates/encode.ts';
import { wordLayout } from '../../../shared/updates/layout.ts';
import { makeUpdatePlan } from '../../../shared/updates/plan.ts';
import { RoundSum } from '../../../server/aggregation/round-sum.ts';

const plan = (weighting: 'examples' | 'uniform') =>
  makeUpdatePlan({
    dimension: 1,
    maxCohort: 4,
    clippingNorm: 10,
    weighting,
    maxExamples: 100,
    metrics: [{ name: 'local-steps', bound: 1_000, withUpdate: true }],
  });
const clients = [
  { examples: 1, steps: 2 },
  { examples: 3, steps: 10 },
];
const words = (weighting: 'examples' | 'uniform'): Uint32Array => {
  const sum = new Uint32Array(wordLayout(plan(weighting)).words);
  for (const [i, { examples, steps }] of clients.entries()) {
    const metrics = { 'local-steps': steps };
    const one = encodeUpdate(
      plan(weighting),
      { delta: Float32Array.of(1), examples, metrics },
      new Uint8Array(32).fill(i),
    );
    for (const [at, word] of one.entries()) sum[at] = (sum[at]! + word) >>> 0;
  }
  return sum;
};
const codeOf = (action: () => unknown): string => {
  try {
    action();
  } catch (thrown) {
    return (thrown as { code: string }).code;
  }
  return 'nothing was refused';
};

describe('a number that belongs to the update', () => {
  // By examples (1 * 2 + 3 * 10) / 4 = 8, alike (2 + 10) / 2 = 6.
  for (const [weighting, mean] of [
    ['examples', 8],
    ['uniform', 6],
  ] as const) {
    it(`is weighed as the update is: ${weighting}, in words and in clear`, async () => {
      expect(new DecodedSum(plan(weighting), words(weighting), 2).namedMean('local-steps')).to.equal(mean);
      const named = [{ name: 'local-steps', bound: 1_000 }];
      const sum = new RoundSum({ length: 1, named, weighting, maxExamples: 100, maxUpdateNorm: 10, maxReports: 4 });
      for (const { examples, steps } of clients) {
        await sum.add({ values: Float32Array.of(1), examples, metrics: { 'local-steps': steps } });
      }
      expect(sum.namedMean('local-steps')).to.equal(mean);
      expect(sum.metricMeans()).to.deep.equal({ 'train/local-steps': mean });
    });
  }

  it('must be there, finite and within its bound: else the update stays on the device', () => {
    for (const metrics of [{}, { 'local-steps': 1_001 }, { 'local-steps': Number.NaN }]) {
      const contribution = { delta: Float32Array.of(1), examples: 1, metrics };
      expect(codeOf(() => encodeUpdate(plan('examples'), contribution, new Uint8Array(32)))).to.equal('BAD_PLAN');
    }
  });

  it('shows a client that left it out: the sum is of no use', () => {
    const { metrics } = wordLayout(plan('examples'));
    const sum = words('examples');
    sum[metrics[0]!.examples.start]! -= 1;
    expect(codeOf(() => new DecodedSum(plan('examples'), sum, 2))).to.equal('BAD_SUM');
  });
});
