import { expect } from 'chai';
import fc from 'fast-check';
import { generatorNames } from '../../../shared/crypto/primitives.ts';
import { contextHash } from '../../../shared/secagg/context.ts';
import { Graph, shapeOf } from '../../../shared/secagg/graph.ts';
import { secaggPlanHash } from '../../../shared/secagg/plan.ts';
import { readRoster } from '../../../shared/secagg/roster.ts';
import { DecodedSum } from '../../../shared/updates/decode.ts';
import { encodeUpdate } from '../../../shared/updates/encode.ts';
import { wordLayout } from '../../../shared/updates/layout.ts';
import { native } from '../../helpers/primitives.ts';
import {
  Aggregation,
  remembering,
  seededBytes,
  stages,
  type AggregationOptions,
  type DropOut,
  type Stage,
} from '../../helpers/secagg.ts';

/** An attempt and who is lost in it. */
interface Case {
  readonly options: AggregationOptions;
  readonly dropOuts: ReadonlyMap<number, DropOut>;
}

const dropOut: fc.Arbitrary<DropOut> = fc.record({ at: fc.constantFrom(...stages), works: fc.boolean() });

/** What graphs of small and middling numbers of clients bear: with the default rates they would all be complete. */
const rates = fc.constantFrom(
  { corrupt: 0.05, dropped: 0.05, sigma: 20, eta: 8 },
  { corrupt: 0.1, dropped: 0.1, sigma: 20, eta: 4 },
  { corrupt: 0, dropped: 0.3, sigma: 40, eta: 8 },
  { corrupt: 0.05, dropped: 0.2, sigma: 30, eta: 2 },
);

/** Attempts of any shape with so many clients, of whom any may be lost, at any step. */
const cases = (
  [min, max]: readonly [number, number],
  completeUpTo: readonly number[],
  lossRates: readonly number[] = [0, 3, 10, 25, 60],
): fc.Arbitrary<Case> =>
  fc
    .record({
      clients: fc.integer({ min, max }),
      seed: fc.nat(),
      modulusBits: fc.integer({ min: 8, max: 32 }),
      dimension: fc.integer({ min: 1, max: 70 }),
      completeUpTo: fc.constantFrom(...completeUpTo),
      completeThreshold: fc.constantFrom<[number, number]>([2, 3], [1, 2], [3, 4]),
      minCohort: fc.integer({ min: 3, max: 5 }),
      graph: rates,
      lossRate: fc.constantFrom(...lossRates),
      generator: fc.constantFrom(...generatorNames),
    })
    .chain(
      ({
        clients,
        seed,
        modulusBits,
        dimension,
        completeUpTo,
        completeThreshold,
        minCohort,
        graph,
        lossRate,
        generator,
      }) =>
        fc
          .array(fc.record({ percent: fc.integer({ min: 0, max: 99 }), dropOut }), {
            minLength: clients,
            maxLength: clients,
          })
          .map((fates): Case => {
            const fits = Math.ceil(Math.log2(clients)) + 3; // the least M for which 2 bits a coordinate do not overflow
            const update = { dimension, modulusBits: Math.max(modulusBits, fits) };
            const plan = {
              completeUpTo,
              completeThreshold,
              minCohort: Math.min(minCohort, clients),
              generator,
              ...graph,
            };
            const lost = fates.flatMap((fate, i) =>
              fate.percent < lossRate ? [[i, fate.dropOut] as [number, DropOut]] : [],
            );
            return { options: { clients, seed, update, plan }, dropOuts: new Map(lost) };
          }),
    );

/** Whether, by the drop-outs alone, enough are left at each step: up to which it is to go well. */
function lastGoodStage({ clients, plan, round, roster }: Aggregation, dropOuts: Case['dropOuts']): Stage | null {
  const send = (stage: Stage): number[] =>
    clients.flatMap(({ index }) => {
      const fate = dropOuts.get(index);
      return fate === undefined || stages.indexOf(fate.at) > stages.indexOf(stage) ? [index] : [];
    });
  const on = send('advert'); // ascending, as on the roster
  if (on.length < plan.minCohort) return null;
  const context = contextHash(native, { ...round, plan: secaggPlanHash(native, plan) });
  const { hash } = readRoster(native, context, roster!.adverts);
  const shape = shapeOf(plan, on.length);
  const graph = new Graph(native, shape, hash);
  const holds = (holder: number, dealer: number): boolean =>
    graph.areNeighbours(on.indexOf(holder), on.indexOf(dealer)) || (shape.complete && holder === dealer);
  const sharers = send('shares');
  let last: Stage = 'advert';
  for (const stage of stages.slice(1)) {
    const left = send(stage);
    const isLarge = left.length >= plan.minCohort || stage === 'consent' || stage === 'reveal';
    const haveEnough = sharers.every(
      (dealer) => left.filter((holder) => holds(holder, dealer)).length >= shape.threshold,
    );
    if (!isLarge || !haveEnough) return last;
    last = stage;
  }
  return last;
}

const seen = { sums: 0, aes: 0, chacha: 0, complete: 0, regular: 0, withLosses: 0, givenUp: 0 };

async function check({ options, dropOuts }: Case): Promise<void> {
  const attempt = new Aggregation({ ...options, primitives: remembering(native) });
  const { sum, givenUp, blamed } = await attempt.run({}, dropOuts);
  const last = lastGoodStage(attempt, dropOuts);
  expect(attempt.clients.filter(({ refused, refusedByServer }) => refused ?? refusedByServer)).to.deep.equal([]);
  if (last === 'reveal') {
    expect(givenUp).to.equal(null);
    expect(sum).to.deep.equal(attempt.expected());
    expect(blamed).to.deep.equal([]);
    seen.sums++;
    seen[attempt.plan.generator === 'aes-256-ctr' ? 'aes' : 'chacha']++;
    seen[attempt.roster!.degree === attempt.server.clients - 1 ? 'complete' : 'regular']++;
    if (dropOuts.size > 0) seen.withLosses++;
    return;
  }
  seen.givenUp++;
  expect(givenUp).to.be.oneOf(['SECAGG_TOO_FEW', 'SECAGG_SMALL_COHORT']);
  expect(attempt.server.phase).to.equal('failed');
  if (last !== 'consent') expect(attempt.clients.map(({ half }) => half.phase)).not.to.include('revealed');
  if (attempt.server.survivors.size > 0) expect(attempt.sum).not.to.deep.equal(attempt.expected());
}

describe('a secure aggregation', () => {
  for (const { clients, runs, completeUpTo, lossRates } of [
    { clients: [3, 12], runs: 60, completeUpTo: [0, 6, 100], lossRates: undefined },
    { clients: [13, 50], runs: 12, completeUpTo: [0, 20], lossRates: undefined },
    { clients: [100, 160], runs: 2, completeUpTo: [0], lossRates: [0, 3, 6] },
    { clients: [256, 300], runs: 1, completeUpTo: [0], lossRates: [2] },
  ] as const) {
    it(`of ${clients.join(' to ')} clients gives the survivors' sum bit for bit, or nothing, and never gives up without need`, async function () {
      this.timeout(120_000);
      await fc.assert(fc.asyncProperty(cases(clients, completeUpTo, lossRates), check), {
        numRuns: runs,
        endOnFailure: runs < 10, // shrinking hundreds of clients takes its time
      });
    });
  }

  it('has been seen with both kinds of graph, with and without losses', () => {
    for (const [what, count] of Object.entries(seen)) expect(count, what).to.be.greaterThan(0);
    expect(seen.sums).to.be.greaterThan(seen.withLosses);
  });

  it('goes well with exactly the threshold left at each step, and is given up with one less', async () => {
    // Complete graph of 10 with t = floor(2 * 10 / 3) + 1 = 7.
    for (const at of stages) {
      for (const [lost, code] of [
        [3, null],
        [4, at === 'advert' ? null : 'SECAGG_TOO_FEW'], // without its advert a client is not on the roster
      ] as const) {
        const attempt = new Aggregation({ clients: 10, seed: at, primitives: remembering(native) });
        const fates = Array.from({ length: lost }, (_, i) => [2 * i, { at, works: i % 2 === 0 }] as const);
        const { sum, givenUp } = await attempt.run({}, new Map(fates));
        expect(givenUp, `${lost} lost at ${at}`).to.equal(code);
        if (code === null) expect(sum).to.deep.equal(attempt.expected());
      }
    }
  });

  it('ends for everyone where fewer than the smallest cohort are left', async () => {
    const plan = { minCohort: 6, completeThreshold: [1, 2] as [number, number] }; // t = 5 of 8
    for (const [at, code] of [
      ['advert', 'SECAGG_SMALL_COHORT'],
      ['shares', 'SECAGG_SMALL_COHORT'],
      ['vector', 'SECAGG_SMALL_COHORT'],
      ['consent', null],
      ['reveal', null],
    ] as const) {
      const attempt = new Aggregation({ clients: 8, plan });
      const fates = [0, 3, 5].map((i) => [i, { at, works: false }] as const);
      expect((await attempt.run({}, new Map(fates))).givenUp, at).to.equal(code);
    }
  });

  it('carries encoded updates: what is decoded is the sum of what each has quantised', async () => {
    await fc.assert(
      fc.asyncProperty(cases([3, 12], [0, 100]), fc.nat(), async ({ options, dropOuts }, salt) => {
        const metrics = [{ name: 'loss', bound: 10 }];
        const attempt = new Aggregation({
          ...options,
          update: { ...options.update, modulusBits: Math.max(16, options.update!.modulusBits!), metrics },
          input: (index, update) => {
            const bytes = seededBytes('delta', salt, index)(update.dimension + 1);
            const delta = Float32Array.from(bytes.subarray(1), (byte) => (byte - 128) / 256);
            const contribution = { delta, examples: 1 + (bytes[0]! % 100), metrics: { loss: bytes[0]! / 30 } };
            return encodeUpdate(update, contribution, seededBytes('noise', salt, index)(32));
          },
        });
        const { sum } = await attempt.run({}, dropOuts);
        if (sum === null) return;
        const { modulusBits } = attempt.plan;
        const decoded = new DecodedSum(attempt.update, sum, attempt.survivors.length);
        const signed = (word: number): number => (word >= 2 ** (modulusBits - 1) ? word - 2 ** modulusBits : word);
        const total = (index: number): number =>
          attempt.survivors.reduce((all, { input }) => all + signed(input[index]!), 0);
        for (let i = 0; i < decoded.length; i++) expect(decoded.steps(i)).to.equal(total(i));
        expect(decoded.weight).to.equal(attempt.survivors.length);
        const { examples, format } = wordLayout(attempt.update);
        const digits = Array.from({ length: examples.end - examples.start }, (_, i) => total(examples.start + i));
        expect(decoded.examples).to.equal(
          digits.reduce((all, digit, i) => all + digit * 2 ** (i * format.digitBits), 0),
        );
      }),
      { numRuns: 15 },
    );
  });
});
