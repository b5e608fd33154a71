import { boxChart } from './charts/box-chart.ts';
import { histogram } from './charts/histogram.ts';
import { percentAxis } from './charts/scale.ts';
import { formatPercent } from './format.ts';
import type { Plot } from './plot.ts';
import type { RunRecord } from './run-record.ts';
import { mean, quantile } from '../../shared/statistics.ts';

/** What single clients measured, where `clients.jsonl` says it. */

export function clientAccuracy({ clients }: RunRecord): Plot[] {
  const measured = clients.flatMap(({ round: at, client, values }) => {
    const value = values['accuracy'] ?? values['eval/accuracy'];
    return value === undefined ? [] : [{ at, client, value }];
  });
  if (measured.length === 0) return [];
  // Each client's newest accuracy: not every client takes part in the last round.
  const newest = new Map(measured.toSorted((a, b) => a.at - b.at).map(({ client, value }) => [client, value]));
  const values = [...newest.values()].toSorted((a, b) => a - b);
  const [low, middle] = [quantile(values, 0.1), mean(values)];
  const caption = `Clients by the newest accuracy that each has measured: ${values.length} clients, mean ${formatPercent(middle)}, 10th percentile ${formatPercent(low)}.`;
  const chart = {
    title: 'Accuracy of the clients',
    description: caption,
    x: percentAxis('Accuracy on own data'),
    counted: 'clients',
    values,
    marks: [
      { x: low, label: `10th percentile ${formatPercent(low)}` },
      { x: middle, label: `mean ${formatPercent(middle)}` },
    ],
  };
  return [
    { name: 'client-accuracy', caption, svg: (look = {}) => histogram(chart, { id: 'client-accuracy', ...look }) },
  ];
}

export function norms({ clients }: RunRecord): Plot[] {
  const byRound = new Map<number, number[]>();
  for (const { round: at, values } of clients) {
    const norm = values['norm'] ?? values['update/norm'];
    if (norm !== undefined) byRound.set(at, [...(byRound.get(at) ?? []), norm]);
  }
  if (byRound.size === 0) return [];
  const every = Math.ceil(byRound.size / 24);
  const kept = [...byRound].toSorted(([a], [b]) => a - b).filter((_, i) => i % every === 0);
  const caption = `L2 norms of the clients' updates${every === 1 ? '' : `, every ${every} rounds`}: median with quartiles, whiskers to 1.5 times their distance, and single clients.`;
  const groups = kept.map(([at, values]) => ({ name: String(at), values }));
  const chart = { title: 'Update norms', description: caption, x: 'Round', y: { label: 'L2 norm', min: 0 }, groups };
  return [{ name: 'norms', caption, svg: (look = {}) => boxChart(chart, { id: 'norms', ...look }) }];
}
