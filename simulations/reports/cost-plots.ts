import { quantile } from '../../shared/statistics.ts';
import { barChart } from './charts/bar-chart.ts';
import type { Look } from './charts/drawing.ts';
import { lineChart } from './charts/line-chart.ts';
import { bytesAxis, secondsAxis } from './charts/scale.ts';
import { formatBytes, formatSeconds } from './format.ts';
import { seriesOf, total } from './headline.ts';
import { isSimulated } from './protection.ts';
import { has, line, round, type Plot } from './plot.ts';
import { committed, type RunRecord } from './run-record.ts';

/** What a run costs: bytes, time, reports. */

/** From so many rounds on bars would be hairs. */
const mostBars = 150;

export function bytes(run: RunRecord): Plot[] {
  const sent = (['up', 'down'] as const).filter((way) => has(run, `bytes/${way}`));
  if (sent.length === 0) return [];
  const names = { up: 'up from clients', down: 'down to clients' };
  const rounds = committed(run);
  const sums = sent.map((way) => seriesOf(run, `bytes/${way}`).reduce((sum, { value }) => sum + value, 0));
  const caption = `Bytes by round; in all ${sent.map((way, i) => `${formatBytes(sums[i]!)} ${names[way]}`).join(' and ')}.`;
  const most = Math.max(
    ...rounds.map(({ values }) => sent.reduce((sum, way) => sum + (values[`bytes/${way}`] ?? 0), 0)),
  );
  const head = { title: 'Bytes by round', description: caption };
  const y = bytesAxis('Sent in the round', most);
  const svg = (look: Look = {}): string =>
    rounds.length > mostBars
      ? lineChart(
          { ...head, x: round, y, series: sent.map((way) => line(run, `bytes/${way}`, names[way])) },
          { id: 'bytes', ...look },
        )
      : barChart(
          {
            ...head,
            categories: rounds.map((each) => String(each.round)),
            x: 'Round',
            y,
            series: sent.map((way) => ({
              name: names[way],
              values: rounds.map(({ values }) => values[`bytes/${way}`]),
            })),
            stacked: true,
          },
          { id: 'bytes', ...look },
        );
  return [{ name: 'bytes', caption, svg }];
}

export function time(run: RunRecord): Plot[] {
  if (!has(run, 'time/round') || total(run, 'time/round') === 0) return [];
  const numbers = [...new Set(run.rounds.map((each) => each.round))].toSorted((a, b) => a - b);
  const kinds = (['done', 'short', 'abandoned'] as const).filter((kind) =>
    run.rounds.some(({ result }) => result === kind),
  );
  const names = { done: 'done', short: 'short of reports', abandoned: 'abandoned attempts' };
  const roles = { done: 's0', short: 's7', abandoned: 's1' } as const;
  const seconds = kinds.map((kind) => {
    const sums = new Map<number, number>();
    for (const { round: number, result, values } of run.rounds) {
      const value = values['time/round'];
      if (result === kind && value !== undefined) sums.set(number, (sums.get(number) ?? 0) + value);
    }
    return sums;
  });
  const all = run.rounds.flatMap(({ values }) => (values['time/round'] === undefined ? [] : [values['time/round']]));
  const sorted = all.toSorted((a, b) => a - b);
  const where = isSimulated(run) ? ' in the simulated world' : '';
  const caption = `Time of each round${where}: ${formatSeconds(sorted.reduce((sum, value) => sum + value, 0))} in all, median ${formatSeconds(quantile(sorted, 0.5))}, longest ${formatSeconds(sorted.at(-1)!)}.`;
  const head = { title: 'Time per round', description: caption };
  const y = secondsAxis('Time', sorted.at(-1)!);
  const svg = (look: Look = {}): string =>
    numbers.length > mostBars
      ? lineChart({ ...head, x: round, y, series: [line(run, 'time/round', 'time')] }, { id: 'time', ...look })
      : barChart(
          {
            ...head,
            categories: numbers.map(String),
            x: 'Round',
            y,
            series: kinds.map((kind, i) => ({
              name: names[kind],
              role: roles[kind],
              values: numbers.map((number) => seconds[i]!.get(number)),
            })),
            stacked: true,
          },
          { id: 'time', ...look },
        );
  return [{ name: 'time', caption, svg }];
}

export function reports(run: RunRecord): Plot[] {
  const rounds = committed(run).filter(({ values }) => values['clients/reported'] !== undefined);
  const counts = rounds.map(({ values }) => values['clients/reported']!);
  // A flat row of bars says nothing that the table does not.
  if (rounds.length === 0 || rounds.length > mostBars || new Set(counts).size === 1) return [];
  const sorted = counts.toSorted((a, b) => a - b);
  const caption = `Reports that were counted in each round: ${sorted[0]!} to ${sorted.at(-1)!}, median ${quantile(sorted, 0.5)}.`;
  const chart = {
    title: 'Reports by round',
    description: caption,
    categories: rounds.map((each) => String(each.round)),
    x: 'Round',
    y: { label: 'Reports', whole: true },
    series: [{ name: 'counted', values: counts }],
  };
  return [{ name: 'reports', caption, svg: (look = {}) => barChart(chart, { id: 'reports', ...look }) }];
}
