import { expect } from 'chai';
import { compareFigure } from '../../../simulations/reports/compare-figure.ts';
import { compareRuns } from '../../../simulations/reports/compare.ts';
import { groupRuns } from '../../../simulations/reports/grouping.ts';
import { roundOf, type RunRecord } from '../../../simulations/reports/run-record.ts';

/** A run whose accuracy after round i is `values[i - 1]`; null: no finite number; undefined: not measured. */
const run = (config: Readonly<Record<string, unknown>>, values: readonly (number | null | undefined)[]): RunRecord => ({
  name: `run-${String(config['seed'])}`,
  source: '/runs',
  state: null,
  startedAt: null,
  config,
  env: null,
  rounds: values.map((value, i) =>
    roundOf(
      { round: i + 1, seconds: 2, bytesUp: 100, ...(value === undefined ? {} : { 'eval/accuracy': value }) },
      'here',
    ),
  ),
  clients: [],
  notes: [],
});

describe('a comparison', () => {
  const pair = [run({ seed: 1, lr: 0.1 }, [0.5, 0.7, 0.9]), run({ seed: 2, lr: 0.1 }, [0.3, 0.9, 0.8])];

  it('gives mean and deviation of each round, of the last and of the best', () => {
    const { groups, notes } = compareRuns(pair, { target: 0.85 });
    expect(groups).to.have.length(1);
    const [group] = groups;
    expect(group).to.deep.include({ label: 'all runs', seeds: [1, 2], rounds: { min: 3, max: 3 }, diverged: 0 });
    const [first, , last] = group!.curve.map(({ value }) => value!);
    expect(first!.mean).to.be.closeTo(0.4, 1e-12);
    expect(first!.sd).to.be.closeTo(Math.sqrt(0.02), 1e-12); // (0.1^2 + 0.1^2) / 1
    expect(last).to.deep.include({ n: 2 });
    expect(group!.final!.mean).to.be.closeTo(0.85, 1e-12); // 0.9, 0.8
    expect(group!.best!.mean).to.be.closeTo(0.9, 1e-12); // 0.9, 0.9
    expect(group!.toTarget).to.deep.equal({ median: 2.5, min: 2, max: 3, reached: 2 });
    expect(group!.bytesUp).to.deep.equal({ mean: 300, sd: 0, n: 2 });
    expect(group!.seconds).to.deep.equal({ mean: 6, sd: 0, n: 2 });
    expect(notes).to.deep.equal([]);
  });

  it('ends the line with the shortest run, and says so', () => {
    const { groups, notes } = compareRuns([pair[0]!, run({ seed: 3, lr: 0.1 }, [0.5, 0.6])]);
    expect(groups[0]!.curve.map(({ round }) => round)).to.deep.equal([1, 2]);
    expect(groups[0]!.rounds).to.deep.equal({ min: 2, max: 3 });
    expect(notes.join()).to.include('runs of 2 to 3 rounds; the line ends at round 2');
  });

  it('has a gap where a run has no value, leaves out runs that diverged, and says so', () => {
    const gap = compareRuns([pair[0]!, run({ seed: 3, lr: 0.1 }, [0.5, undefined, 0.7])]);
    expect(gap.groups[0]!.curve.map(({ value }) => value === null)).to.deep.equal([false, true, false]);
    expect(gap.notes.join()).to.include('in 1 rounds not every run has eval/accuracy');
    const diverged = compareRuns([pair[0]!, run({ seed: 3, lr: 0.1 }, [0.5, 0.2, null])], { target: 0.6 });
    expect(diverged.groups[0]).to.deep.include({ diverged: 1, final: { mean: 0.9, sd: null, n: 1 } });
    expect(diverged.notes.join()).to.include('1 of 2 runs ended with a eval/accuracy that is no finite number');
    // One of two reached it: the median is not known.
    expect(diverged.groups[0]!.toTarget).to.deep.equal({ median: null, min: 2, max: 2, reached: 1 });
  });

  it('of one run has no band, and a seed that comes twice is told', () => {
    const single = compareRuns([pair[0]!]);
    expect(single.groups[0]!.final).to.deep.equal({ mean: 0.9, sd: null, n: 1 });
    expect(single.notes.join()).to.include('one run only, so there is no band');
    expect(compareFigure(single)).to.include('One run each: no band').and.not.include('fill-opacity="0.18"');
    expect(compareRuns([pair[0]!, pair[0]!]).notes.join()).to.include('seed 1 is there more than once');
  });

  it('draws a line with its band for each group, and says over how many runs', () => {
    const runs = [...pair, run({ seed: 1, lr: 1 }, [0.1, 0.2]), run({ seed: 2, lr: 1 }, [0.1, 0.3])];
    const svg = compareFigure(compareRuns(runs));
    expect(svg.match(/fill-opacity="0.18"/g)).to.have.length(2);
    expect(svg)
      .to.include('Mean and ±1 standard deviation over 2 runs each')
      .and.include('lr = 0.1')
      .and.include('lr = 1');
    expect(compareFigure(compareRuns(runs.slice(0, 3))))
      .to.include('lr = 0.1 (n = 2)')
      .and.include('lr = 1 (n = 1)');
  });

  it('refuses a metric that no run has, by the names of those there are', () => {
    expect(() => compareRuns(pair, { metric: 'eval/acuracy' })).to.throw(
      'choose one of bytes/up, eval/accuracy, time/round',
    );
  });
});

describe('a figure of runs with many settings', () => {
  it('names its lines by their values, and the settings once, so that none is cut', () => {
    const config = (lr: number) => ({
      seed: 1,
      clientLearningRate: lr,
      serverLearningRate: lr,
      partition: `shards:${lr}`,
    });
    const svg = compareFigure(compareRuns([run(config(1), [0.5]), run(config(2), [0.6])]));
    expect(svg)
      .to.include('lines by clientLearningRate, ')
      .and.to.match(/>1, 1, .*1</)
      .and.to.match(/>2, 2, .*2</);
  });
});

describe('grouping', () => {
  const labels = (configs: readonly Readonly<Record<string, unknown>>[], field: string | null): string[] =>
    groupRuns(
      configs.map((config) => run(config, [0.5])),
      field,
    ).map(({ label, runs }) => `${label} (${runs.length})`);
  const alpha = (value: number, seed: number) => ({
    seed,
    partition: `dirichlet:${value}`,
    strategy: { name: 'fedavg' },
  });

  it('is by a path, by the end of one, or by a parameter of the partition, in order of size', () => {
    const runs = [alpha(10, 1), alpha(0.3, 1), alpha(0.3, 2), alpha(2, 1)];
    expect(labels(runs, 'alpha')).to.deep.equal(['alpha = 0.3 (2)', 'alpha = 2 (1)', 'alpha = 10 (1)']);
    expect(labels(runs, 'partition')).to.include('partition = dirichlet:0.3 (2)');
    expect(labels(runs, 'strategy.name')).to.deep.equal(['strategy = fedavg (4)']);
    // As the flags have them, too.
    expect(labels(runs, 'strategy')).to.deep.equal(['strategy = fedavg (4)']);
    const rate = (clientLearningRate: number) => ({ task: { training: { clientLearningRate, localEpochs: 1 } } });
    expect(labels([rate(0.1), rate(0.2)], 'lr')).to.deep.equal([
      'clientLearningRate = 0.1 (1)',
      'clientLearningRate = 0.2 (1)',
    ]);
    expect(labels([rate(0.1), rate(0.2)], '--local-epochs')).to.deep.equal(['localEpochs = 1 (2)']);
    expect(labels([{ a: { b: 1 } }, { a: { b: 2 } }, {}], 'b')).to.deep.equal([
      'b = 1 (1)',
      'b = 2 (1)',
      'b = not set (1)',
    ]);
  });

  it('is by everything in which the runs differ but the seed, where no field is given', () => {
    expect(labels([alpha(0.3, 1), alpha(0.3, 2), alpha(2, 1)], null)).to.deep.equal([
      'alpha = 0.3 (2)',
      'alpha = 2 (1)',
    ]);
    expect(labels([{ seed: 1, lr: 1, mu: 0 }, { seed: 2, lr: 2, mu: 1 }], null)).to.deep.equal(['lr = 1, mu = 0 (1)', 'lr = 2, mu = 1 (1)']); // prettier-ignore
    expect(labels([{ partition: 'iid' }, { partition: 'shards:2' }], null)).to.deep.equal(['partition = iid (1)', 'partition = shards:2 (1)']); // prettier-ignore
  });

  it('refuses a field that no run has, or that is not clear, by the names of those there are', () => {
    expect(() => labels([alpha(0.3, 1), alpha(2, 1)], 'beta')).to.throw(
      'no run has a setting "beta"; choose one of partition.alpha',
    );
    expect(() => labels([{ a: { x: 1 }, b: { x: 1 } }], 'x')).to.throw(
      'several settings end in x; choose one of a.x, b.x',
    );
  });
});
