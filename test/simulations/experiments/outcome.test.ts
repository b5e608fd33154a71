import { expect } from 'chai';
import type { Experiment } from '../../../simulations/experiments/experiment.ts';
import { medianOf, outcomeOf, type ArmRun } from '../../../simulations/experiments/outcome.ts';

const experiment: Experiment = {
  name: 'trial',
  title: 'A trial',
  claim: 'b is better than a.',
  source: 'none',
  parameters: {},
  arms: { a: {}, b: {} },
  measures: ['rounds-to-target', 'eval/accuracy'],
  expected: { a: 87 },
  holds: [
    { arm: 'b', measure: 'rounds-to-target', is: 'at most', than: { arm: 'a', times: 0.5, plus: 1 } },
    { arm: 'b', measure: 'eval/accuracy', is: 'at least', than: 0.9 },
  ],
  seeds: [1, 2, 3],
  figure: { kind: 'lines', tag: 'eval/accuracy' },
  quick: { parameters: {} },
  numbers: { full: { machine: 'm', seeds: [1, 2, 3], medians: { a: [80, 0.9], b: [40, 0.95] } }, quick: null },
  takes: 'no time',
  notes: [],
};
const run = (arm: string, seed: number, rounds: number | null, accuracy: number | null): ArmRun => ({
  arm,
  seed,
  values: [rounds, accuracy],
});
const runs = [
  run('a', 1, 90, 0.9),
  run('a', 2, 80, 0.8),
  run('a', 3, 70, 0.99),
  run('b', 1, 41, 0.95),
  run('b', 2, null, 0.96),
  run('b', 3, 30, null),
];

describe('the outcome of an experiment', () => {
  it('is the median over the seeds, where what was not reached is the worst', () => {
    expect(medianOf([3, 1, 2], 'eval/loss')).to.equal(2);
    expect(medianOf([1, 2, 3, 10], 'eval/loss')).to.equal(2.5);
    expect(medianOf([1, null, 3], 'rounds-to-target')).to.equal(3); // 1, 3, never
    expect(medianOf([0.9, null, 0.7], 'eval/accuracy')).to.equal(0.7); // worst, 0.7, 0.9
    expect(medianOf([1, null], 'rounds-to-target')).to.equal(null);
    expect(medianOf([], 'eval/accuracy')).to.equal(null);
    expect(outcomeOf(experiment, 'full', runs).medians).to.deep.equal({ a: [80, 0.9], b: [41, 0.95] });
  });

  it('says of each published figure and statement whether it holds', () => {
    expect(outcomeOf(experiment, 'full', runs).verdicts).to.deep.equal([
      { text: 'a: rounds-to-target 80, at most 87 (published)', holds: true },
      { text: "b: rounds-to-target 41, at most a's 80 x 0.5 + 1", holds: true }, // 41
      { text: 'b: eval/accuracy 0.95, at least 0.9', holds: true },
    ]);
    const slower = [...runs.slice(0, 3), run('b', 1, 42, 0.89)];
    expect(outcomeOf(experiment, 'full', slower).verdicts.map(({ holds }) => holds)).to.deep.equal([
      true,
      false,
      false,
    ]);
    const never = [run('a', 1, null, 0.1), run('b', 1, 500, 0.9)];
    expect(outcomeOf(experiment, 'full', never).verdicts).to.deep.equal([
      { text: 'a: rounds-to-target not reached, at most 87 (published)', holds: false },
      { text: "b: rounds-to-target 500, at most a's not reached x 0.5 + 1", holds: true },
      { text: 'b: eval/accuracy 0.9, at least 0.9', holds: true },
    ]);
  });

  it('says nothing of arms that were not run, nor of the quick form', () => {
    expect(outcomeOf(experiment, 'full', runs.slice(3)).verdicts.map(({ text }) => text)).to.deep.equal([
      'b: eval/accuracy 0.95, at least 0.9',
    ]);
    expect(outcomeOf(experiment, 'quick', runs).verdicts).to.deep.equal([]);
  });

  it("says where the experiment's file has other numbers for the same seeds", () => {
    expect(outcomeOf(experiment, 'full', runs).differences).to.deep.equal(['b: rounds-to-target 40 there, 41 here']);
    expect(outcomeOf(experiment, 'full', runs.slice(0, 1)).differences).to.deep.equal([]); // one seed alone
  });
});
