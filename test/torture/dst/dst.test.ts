import { expect } from 'chai';
import { planOf, type PlanChanges } from './plan.ts';
import { commandOf } from './shrink.ts';
import { World } from './world.ts';

/** The short form: `npm run torture -- dst` runs many more seeds. */
describe('a simulated federation', () => {
  const limit = Error.stackTraceLimit;
  before(() => {
    Error.stackTraceLimit = 0; // half of the time would go there
  });
  after(() => {
    Error.stackTraceLimit = limit;
  });

  const run = async (from: number, count: number, changes: PlanChanges = {}): Promise<number> => {
    let checked = 0;
    for (let seed = from; seed < from + count; seed++) {
      const result = await new World(planOf(seed, changes)).run();
      expect(result.violation, commandOf(seed, changes)).to.equal(null);
      checked += result.checked;
    }
    return checked;
  };

  it('keeps its rules under 250 seeds of faults', async () => {
    expect(await run(1, 250)).to.be.above(600);
  }).timeout(120_000);

  it('keeps its rules under 15 seeds of faults with secure aggregation, and shows no update in clear', async () => {
    expect(await run(1, 15, { secure: true })).to.be.above(25);
  }).timeout(120_000);

  it('keeps its rules under 60 seeds of faults with asynchronous rounds: each report counts once, and by its staleness', async () => {
    expect(await run(1, 60, { buffered: true })).to.be.above(250);
  }).timeout(120_000);

  it('has the same history for the same seed, to the letter', async () => {
    for (const seed of [3, 50]) {
      const first = await new World(planOf(seed), { records: true }).run();
      const second = await new World(planOf(seed), { records: true }).run();
      expect(first.history).to.have.length.above(100);
      expect(second).to.deep.equal(first);
    }
  });
});
