import { expect } from 'chai';
import fc from 'fast-check';
import { fedAvg } from '../../server/strategies/fedavg.ts';
import { nextModel } from '../../server/strategies/next-model.ts';
import type { Strategy } from '../../server/strategies/strategy.ts';
import { seeded } from '../../shared/random.ts';
import { bytesFloats, floatBytes } from '../../shared/weights.ts';
import { afterRound, closedReports, type Around, type FakeReport } from '../helpers/reports.ts';

/** Where a strategy is FedAvg. */
export interface AsFedAvg {
  readonly setting: string;
  readonly strategy: Strategy;
  readonly around?: Around;
  /** What a client that trains as FedAvg does reports to this strategy. */
  readonly report?: (report: FakeReport) => FakeReport;
  /** What both are given. */
  readonly reports?: (reports: readonly FakeReport[]) => readonly FakeReport[];
  /** Relative difference of the weights; default none. */
  readonly tolerance?: number;
}

const d = 6;
const least = (strategy: Strategy): number => (strategy.kind === 'set' ? strategy.leastReports : 1);

/** Reports that fit the strategy, of ordinary size unless told. */
function reportsFor(strategy: Strategy, seed: number, count: number, size = 1): FakeReport[] {
  const random = seeded('contract', seed);
  const { vectors = 1, named = [] } = strategy.kind === 'sum' ? strategy : {};
  return Array.from({ length: count }, () => ({
    update: Array.from({ length: vectors * d }, () => size * (2 * random.float() - 1)),
    examples: 1 + random.below(500),
    metrics: Object.fromEntries(named.map(({ name }) => [name, 1 + random.below(20)])),
  }));
}

const weightsFrom = (seed: number): number[] => {
  const random = seeded('weights', seed);
  return Array.from({ length: d }, () => 2 * random.float() - 1);
};

/** What every strategy does, over the server's own aggregation. */
export function describeStrategy(name: string, make: () => Strategy, asFedAvg: AsFedAvg | readonly AsFedAvg[]): void {
  describe(`${name} as a Strategy`, () => {
    const strategy = make();
    const few = least(strategy);
    const seeds = fc.nat(1_000_000);
    const counts = fc.integer({ min: few, max: few + 8 });

    it('gives the same bytes twice, in whatever order the reports come', () =>
      fc.assert(
        fc.asyncProperty(seeds, counts, async (seed, count) => {
          const reports = reportsFor(strategy, seed, count);
          const weights = weightsFrom(seed);
          const once = await afterRound(make(), { weights }, reports);
          const shuffled = seeded('order', seed).shuffled(reports);
          expect(await afterRound(make(), { weights }, shuffled)).to.deep.equal(once);
        }),
        { numRuns: 30 },
      ));

    it('changes none of its inputs', async () => {
      const closed = await closedReports(strategy, d, reportsFor(strategy, 1, few + 3));
      const weights = Float32Array.from(weightsFrom(1));
      const state = strategy.init(d).fill(0.25);
      const model = { weights, state, statistics: [] };
      const updates = 'updates' in closed ? closed.updates : [];
      const before = structuredClone([weights, state, ...updates]);
      await nextModel(strategy, model, closed, async () => {});
      expect([weights, state, ...updates]).to.deep.equal(before);
    });

    it('goes on from its state as bytes like from its state in memory', async () => {
      const weights = weightsFrom(2);
      const first = await afterRound(strategy, { weights }, reportsFor(strategy, 2, few + 3));
      const reports = reportsFor(strategy, 3, few + 3);
      const second = await afterRound(make(), first, reports);
      const state = bytesFloats(floatBytes(first.state).slice());
      expect(await afterRound(make(), { weights: first.weights, state }, reports)).to.deep.equal(second);
    });

    it('leaves the weights as they are when all updates are zero', async () => {
      const weights = weightsFrom(4);
      const reports = reportsFor(strategy, 4, few + 3, 0);
      const after = await afterRound(strategy, { weights }, reports);
      expect([...after.weights]).to.deep.equal([...Float32Array.from(weights)]);
    });

    it('stays finite for updates that are huge, tiny, or all the same', async () => {
      for (const size of [1e5, 1e-38]) {
        let model = await afterRound(strategy, { weights: weightsFrom(5) }, reportsFor(strategy, 5, few + 3, size));
        model = await afterRound(strategy, model, reportsFor(strategy, 6, few + 3, size));
        for (const value of [...model.weights, ...model.state]) expect(value).to.satisfy(Number.isFinite);
      }
      const [one] = reportsFor(strategy, 7, 1);
      const same = Array.from({ length: few + 3 }, () => one!);
      const { weights } = await afterRound(strategy, { weights: weightsFrom(7) }, same);
      for (const value of weights) expect(value).to.satisfy(Number.isFinite);
    });

    it('refuses NaN and infinities, in an update and in the next model', async () => {
      for (const bad of [Number.NaN, Infinity]) {
        const [first, ...others] = reportsFor(strategy, 8, few + 3);
        const broken = { ...first!, update: first!.update.map((value, i) => (i === 1 ? bad : value)) };
        expect(await codeOf(afterRound(strategy, { weights: weightsFrom(8) }, [...others, broken]))).to.equal(
          'NOT_FINITE',
        );
        const weights = weightsFrom(8).with(0, bad);
        expect(await codeOf(afterRound(strategy, { weights }, reportsFor(strategy, 8, few + 3)))).to.equal(
          'NOT_FINITE',
        );
      }
    });

    if (few === 1) {
      it('makes a model of a single report', async () => {
        const { weights } = await afterRound(strategy, { weights: weightsFrom(9) }, reportsFor(strategy, 9, 1));
        for (const value of weights) expect(value).to.satisfy(Number.isFinite);
      });
    }

    for (const equality of [asFedAvg].flat()) {
      const {
        setting,
        strategy: equal,
        around,
        report = (same: FakeReport) => same,
        reports,
        tolerance = 0,
      } = equality;
      it(`equals FedAvg ${setting}`, () =>
        fc.assert(
          fc.asyncProperty(seeds, fc.integer({ min: least(equal), max: least(equal) + 8 }), async (seed, count) => {
            const drawn = reportsFor(fedAvg(), seed, count);
            const plain = reports?.(drawn) ?? drawn;
            const weights = weightsFrom(seed);
            const expected = (await afterRound(fedAvg(), { weights }, plain, around)).weights;
            const found = (await afterRound(equal, { weights }, plain.map(report), around)).weights;
            for (const [i, value] of expected.entries()) {
              expect(found[i], `weight ${i}`).to.be.closeTo(value, tolerance * (1 + Math.abs(value)));
            }
          }),
          { numRuns: 50 },
        ));
    }
  });
}

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
  } catch (thrown) {
    return (thrown as { code?: string }).code ?? String(thrown);
  }
  return 'nothing was refused';
};
