import type { Experiment } from '../../simulations/experiments/experiment.ts';
import { formatValue } from '../../simulations/reports/format.ts';

/** The numbers of the full forms as the page about experiments has them: one table of all lines, then one for each matrix. */
export function experimentTables(experiments: readonly Experiment[]): string {
  const ofLines = experiments.filter(({ figure }) => figure.kind === 'lines');
  const ofMatrices = experiments.filter(({ figure, numbers }) => figure.kind === 'matrix' && numbers.full !== null);
  return [numbersTable(ofLines), ...ofMatrices.map(matrixTable)].join('\n\n');
}

const shown = (measure: string, value: number | null | undefined): string =>
  value === null || value === undefined ? 'not reached' : formatValue(measure, value);

function numbersTable(experiments: readonly Experiment[]): string {
  const rows = experiments.flatMap(({ name, numbers: { full }, measures, expected }) =>
    Object.entries(full?.medians ?? {}).map(([arm, values]) => {
      const here = measures.map((measure, i) => `${measure} ${shown(measure, values[i])}`).join(', ');
      const published = expected[arm];
      const claimed = published === undefined ? '' : shown(measures[0], published);
      return [name, arm, here, claimed, full?.seeds.join(', ') ?? ''];
    }),
  );
  return table(['experiment', 'arm', 'here', 'published', 'seeds'], rows);
}

function matrixTable({ name, numbers: { full }, measures: [measure] }: Experiment): string {
  const cells = Object.entries(full?.medians ?? {}).map(([arm, [value]]) => ({ arm: arm.split(' / '), value }));
  const rows = [...new Set(cells.map(({ arm }) => arm[0]!))];
  const columns = [...new Set(cells.map(({ arm }) => arm[1]!))];
  const valueAt = (row: string, column: string): string =>
    shown(measure, cells.find(({ arm }) => arm[0] === row && arm[1] === column)?.value);
  return table(
    [`${name}: ${measure}, seeds ${full?.seeds.join(', ') ?? ''}`, ...columns],
    rows.map((row) => [row, ...columns.map((column) => valueAt(row, column))]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  return [line(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(line)].join('\n');
}
