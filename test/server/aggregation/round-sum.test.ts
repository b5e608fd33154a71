import { expect } from 'chai';
import fc from 'fast-check';
import { RoundSum } from '../../../server/aggregation/round-sum.ts';
import { fedAvg } from '../../../server/strategies/fedavg.ts';
import { seeded } from '../../../shared/random.ts';

const options = {
  length: 16,
  weighting: 'examples',
  maxExamples: 1_000_000,
  maxUpdateNorm: 1_000,
  maxReports: 64,
} as const;

/** The next float32 above or below. */
function ulp(value: number): number {
  const bits = new Uint32Array(1);
  const float = new Float32Array(bits.buffer);
  float[0] = Math.abs(value);
  bits[0]!++;
  return float[0]! - Math.abs(Math.fround(value));
}

const term = (random: ReturnType<typeof seeded>) => ({
  values: Float32Array.from({ length: 16 }, () => (random.float() - 0.5) * 10 ** (random.below(6) - 5)),
  examples: 1 + random.below(5_000),
  metrics: { loss: random.float() * 3 },
});

describe('a round of FedAvg', () => {
  it('weighs each client by its number of examples', async () => {
    const sum = new RoundSum({ ...options, length: 2 });
    await sum.add({ values: Float32Array.of(1, 0), examples: 1, metrics: {} });
    await sum.add({ values: Float32Array.of(5, 4), examples: 3, metrics: {} });
    const { weights } = fedAvg().aggregate(new Float32Array(0), Float32Array.of(10, 20), sum);
    expect([...weights]).to.deep.equal([14, 23]); // 10 + (1*1 + 3*5)/4, 20 + (1*0 + 3*4)/4
  });

  it('weighs all clients alike when weighting is uniform', async () => {
    const sum = new RoundSum({ ...options, length: 1, weighting: 'uniform' });
    await sum.add({ values: Float32Array.of(1), examples: 1, metrics: {} });
    await sum.add({ values: Float32Array.of(5), examples: 999, metrics: {} });
    expect(sum.mean(0)).to.equal(3);
  });

  it('moves by serverLearningRate times the mean', async () => {
    const sum = new RoundSum({ ...options, length: 1 });
    await sum.add({ values: Float32Array.of(4), examples: 2, metrics: {} });
    const { weights } = fedAvg({ serverLearningRate: 0.5 }).aggregate(new Float32Array(0), Float32Array.of(1), sum);
    expect(weights[0]).to.equal(3);
  });

  it('is the float64 weighted mean to 1 float32 ulp, in the same bits for every order of arrival', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.nat(), async (clients, seed) => {
        const random = seeded('fedavg', seed);
        const weights = Float32Array.from({ length: 16 }, () => random.float() - 0.5);
        const terms = Array.from({ length: clients }, () => term(random));
        const after = async (order: typeof terms): Promise<Float32Array> => {
          const sum = new RoundSum(options);
          await Promise.all(order.map((each) => sum.add(each)));
          return fedAvg().aggregate(new Float32Array(0), weights, sum).weights;
        };
        const result = await after(terms);
        const total = terms.reduce((count, { examples }) => count + examples, 0);
        for (let i = 0; i < 16; i++) {
          const mean = terms.reduce((part, { values, examples }) => part + examples * values[i]!, 0) / total;
          const expected = weights[i]! + mean;
          expect(Math.abs(result[i]! - expected)).to.be.at.most(ulp(expected));
        }
        expect(await after(random.shuffled(terms))).to.deep.equal(result);
      }),
      { numRuns: 300 },
    );
  });

  it("averages the clients' metrics by examples, in the same bits for every order", async () => {
    const sum = new RoundSum({ ...options, length: 1 });
    await sum.add({ values: Float32Array.of(0), examples: 1, metrics: { loss: 4, other: 9 } });
    await sum.add({ values: Float32Array.of(0), examples: 3, metrics: { loss: 2 } });
    expect(sum.metricMeans()).to.deep.equal({ 'train/loss': 2.5 }); // (1*4 + 3*2)/4
  });

  it('reuses its memory for the next round', async () => {
    const first = RoundSum.reuse(null, options);
    await first.add(term(seeded(1)));
    const second = RoundSum.reuse(first, options);
    expect(second).to.equal(first);
    expect([second.reports, second.weight, second.metricMeans()]).to.deep.equal([0, 0, {}]);
    expect(RoundSum.reuse(first, { ...options, maxReports: 1_000 })).to.not.equal(first);
  });

  it('leaves its memory alone while a report is still being added to it: the next round has memory of its own', async () => {
    const length = 1_200_000; // added in three slices
    const last = RoundSum.reuse(null, { ...options, length });
    const late = last.add({ values: new Float32Array(length).fill(7), examples: 1, metrics: {} });
    const next = RoundSum.reuse(last, { ...options, length });
    await next.add({ values: new Float32Array(length).fill(1), examples: 1, metrics: {} });
    await late;
    expect([next.reports, next.weight]).to.deep.equal([1, 1]);
    expect([0, length / 2, length - 1].map((i) => next.mean(i))).to.deep.equal([1, 1, 1]);
    expect(RoundSum.reuse(next, { ...options, length })).to.equal(next); // once it is in
  });

  it('does not use a sum again in which an addition has failed', async () => {
    const last = RoundSum.reuse(null, options);
    const thrown: unknown = await last
      .add({ values: null as never, examples: 1, metrics: {} })
      .catch((error: unknown) => error);
    expect(thrown).to.be.instanceOf(TypeError);
    const next = RoundSum.reuse(last, options);
    await next.add({ values: new Float32Array(16).fill(3), examples: 1, metrics: {} });
    expect([next.reports, next.mean(0)]).to.deep.equal([1, 3]);
  });
});
