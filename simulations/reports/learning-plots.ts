import { lineChart, type LineSeries } from './charts/line-chart.ts';
import type { Look } from './charts/drawing.ts';
import { percentAxis } from './charts/scale.ts';
import { formatPercent, formatValue } from './format.ts';
import { headline, seriesOf } from './headline.ts';
import { has, line, measuredRounds, round, type Plot } from './plot.ts';
import { tagsOf, type RunRecord } from './run-record.ts';

/** What a run learns: accuracy, loss, and how evenly the clients are served. */

export function accuracy(run: RunRecord): Plot[] {
  if (!has(run, 'eval/accuracy', 'train/accuracy')) return [];
  const tag = has(run, 'eval/accuracy') ? 'eval/accuracy' : 'train/accuracy';
  const { best, final, target, roundsToTarget } = headline(run, tag);
  const banded = has(run, 'fairness/p10') && has(run, 'fairness/p90');
  const central: LineSeries = {
    name: 'held out',
    points: measuredRounds(run, 'eval/accuracy').map(({ round: x, values }) => ({
      x,
      y: values?.['eval/accuracy'],
      ...(banded ? { low: values?.['fairness/p10'], high: values?.['fairness/p90'] } : {}),
    })),
  };
  const series = [
    ...(has(run, 'eval/accuracy') ? [central] : []),
    ...(has(run, 'train/accuracy') ? [line(run, 'train/accuracy', 'in training')] : []),
  ];
  const reached =
    target === null || tag !== 'eval/accuracy'
      ? ''
      : roundsToTarget === null
        ? ` The target of ${formatPercent(target)} was not reached.`
        : ` The target of ${formatPercent(target)} was reached in round ${roundsToTarget}.`;
  const band = banded ? ' The band goes from the 10th to the 90th percentile of the clients.' : '';
  const caption = `Accuracy of the global model by round: ${formatPercent(final!.value)} after round ${final!.round}, at best ${formatPercent(best!.value)} after round ${best!.round}.${reached}${band}`;
  const svg = (look: Look = {}): string =>
    lineChart(
      {
        title: 'Accuracy',
        ...(banded ? { subtitle: 'Band: 10th to 90th percentile of clients' } : {}),
        description: caption,
        x: round,
        y: percentAxis('Accuracy'),
        series,
        references: target === null ? [] : [{ y: target, label: `target ${formatPercent(target)}` }],
        marks: [{ x: best!.round, y: best!.value, label: `best ${formatPercent(best!.value)}, round ${best!.round}` }],
      },
      { id: 'accuracy', ...look },
    );
  return [{ name: 'accuracy', caption, svg }];
}

export function loss(run: RunRecord): Plot[] {
  const series = [
    ...(has(run, 'eval/loss') ? [line(run, 'eval/loss', 'held out')] : []),
    ...(has(run, 'train/loss') ? [line(run, 'train/loss', 'in training')] : []),
  ];
  if (series.length === 0) return [];
  const values = series.flatMap(({ points }) => points.flatMap(({ y }) => (typeof y === 'number' ? [y] : [])));
  // A loss that falls by much is a corner on a linear axis.
  const log = Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) > 30;
  const tag = has(run, 'eval/loss') ? 'eval/loss' : 'train/loss';
  const { best, final } = headline(run, tag);
  const gone = run.rounds.filter(({ missing }) => missing.includes(tag)).length;
  const diverged =
    gone === 0 ? '' : ` In ${gone} ${gone === 1 ? 'round' : 'rounds'} it was no finite number: gaps in the line.`;
  const caption = `Loss by round: ${formatValue(tag, final!.value)} after round ${final!.round}, at best ${formatValue(tag, best!.value)} after round ${best!.round}.${diverged}`;
  const chart = { title: 'Loss', description: caption, x: round, y: { label: 'Loss', log }, series };
  return [{ name: 'loss', caption, svg: (look = {}) => lineChart(chart, { id: 'loss', ...look }) }];
}

export const fairnessNames: Readonly<Record<string, string>> = {
  'fairness/mean': 'mean',
  'fairness/p10': '10th percentile',
  'fairness/p50': 'median',
  'fairness/p90': '90th percentile',
  'fairness/worst10': 'worst 10 %',
  'fairness/min': 'worst client',
  'fairness/max': 'best client',
  'fairness/std': 'standard deviation',
};

export function fairness(run: RunRecord): Plot[] {
  const present = tagsOf(run).filter((tag) => Object.hasOwn(fairnessNames, tag));
  if (present.length === 0) return [];
  const ends = present.map((tag) => `${fairnessNames[tag]!} ${formatPercent(seriesOf(run, tag).at(-1)!.value)}`);
  const caption = `Accuracy of the global model on each client's own data, by round; at the end: ${ends.join(', ')}.`;
  // The deviation is another kind of number: beside accuracies it would press them together.
  const series = present.filter((tag) => tag !== 'fairness/std').map((tag) => line(run, tag, fairnessNames[tag]!));
  const chart = {
    title: 'Fairness across clients',
    description: caption,
    x: round,
    y: percentAxis('Accuracy on clients'),
    series,
  };
  return [{ name: 'fairness', caption, svg: (look = {}) => lineChart(chart, { id: 'fairness', ...look }) }];
}
