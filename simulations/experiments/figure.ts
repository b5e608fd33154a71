import { heatMap } from '../reports/charts/heat-map.ts';
import type { Look } from '../reports/charts/drawing.ts';
import { percentAxis } from '../reports/charts/scale.ts';
import { compareFigure } from '../reports/compare-figure.ts';
import { compareRuns, type Comparison } from '../reports/compare.ts';
import { isShare } from '../reports/format.ts';
import { metricName } from '../reports/metric-names.ts';
import { fieldOf } from '../reports/run-record.ts';
import type { Experiment } from './experiment.ts';
import type { Outcome } from './outcome.ts';
import type { ArmRecords } from './run-experiment.ts';

/** The figure of an experiment as SVG: a line for each arm, or a table of the main measure. */
export function experimentFigure(
  experiment: Experiment,
  outcome: Outcome,
  arms: readonly ArmRecords[],
  look: Look = {},
): string {
  const { name, title, figure } = experiment;
  if (figure.kind === 'matrix') return matrix(experiment, outcome, look);
  const { tag, label } = figure;
  const words = { title, ...(label === undefined ? {} : { label }) };
  return compareFigure(comparisonOf(tag, arms), { id: name, ...look }, words);
}

/** Each arm is a group of its own, whatever its runs have in common with those of another. */
function comparisonOf(metric: string, arms: readonly ArmRecords[]): Comparison {
  const targets = new Set(arms.flatMap(({ runs }) => runs.map(({ config }) => fieldOf(config, 'targetAccuracy'))));
  const [only] = targets;
  const target = targets.size === 1 && typeof only === 'number' && metric === 'eval/accuracy' ? only : null;
  const parts = arms.map(({ arm, runs }) => ({ arm, ...compareRuns(runs, { metric, group: 'task.name', target }) }));
  return {
    metric,
    target,
    groups: parts.flatMap(({ arm, groups }) => groups.map((group) => ({ ...group, label: arm }))),
    notes: parts.flatMap(({ notes }) => notes),
  };
}

function matrix({ name, title, measures }: Experiment, { medians, seeds }: Outcome, look: Look): string {
  const [measure] = measures;
  const split = (arm: string): [string, string] => {
    const [row = arm, column = ''] = arm.split(' / ');
    return [row, column];
  };
  const arms = Object.keys(medians);
  const rows = [...new Set(arms.map((arm) => split(arm)[0]))];
  const columns = [...new Set(arms.map((arm) => split(arm)[1]))];
  const over = seeds.length === 1 ? 'one run each' : `median of ${seeds.length} runs`;
  const label = metricName(measure);
  return heatMap(
    {
      title,
      subtitle: `${label}, ${over}`,
      description: `${title}: ${label} for ${rows.join(', ')} (rows) under ${columns.join(', ')} (columns).`,
      columns,
      x: 'Attack',
      rows,
      y: 'Rule',
      value: isShare(measure) ? percentAxis(label) : { label },
      values: rows.map((row) => columns.map((column) => medians[`${row} / ${column}`]?.[0] ?? null)),
    },
    { id: name, width: Math.max(640, 260 + 80 * columns.length), ...look },
  );
}
