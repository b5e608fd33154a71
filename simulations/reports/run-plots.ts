import { lineChart } from './charts/line-chart.ts';
import { percentAxis, secondsAxis } from './charts/scale.ts';
import { clientAccuracy, norms } from './client-plots.ts';
import { bytes, reports, time } from './cost-plots.ts';
import { formatValue, isShare } from './format.ts';
import { seriesOf } from './headline.ts';
import { accuracy, fairness, fairnessNames, loss } from './learning-plots.ts';
import { metricName } from './metric-names.ts';
import { line, round, type Plot } from './plot.ts';
import { fieldOf, tagsOf, type RunRecord } from './run-record.ts';

/** Every plot that the run has data for, in the order in which one reads them. Names are unique. */
export function runPlots(run: RunRecord): Plot[] {
  const kinds = [accuracy, loss, fairness, clientAccuracy, bytes, time, reports, privacy, norms, others];
  const taken = new Set<string>();
  return kinds
    .flatMap((plot) => plot(run))
    .filter(({ name }) => {
      const isNew = !taken.has(name);
      taken.add(name);
      return isNew;
    });
}

function privacy(run: RunRecord): Plot[] {
  const spent = seriesOf(run, 'privacy/epsilon');
  if (spent.length === 0) return [];
  const budget = fieldOf(run.config, 'privacy.targetEpsilon') ?? fieldOf(run.config, 'targetEpsilon');
  const references = typeof budget === 'number' ? [{ y: budget, label: `budget ${budget}` }] : [];
  const caption = `Privacy spent by round: ε ${formatValue('', spent.at(-1)!.value)} after round ${spent.at(-1)!.round}${typeof budget === 'number' ? `, of ${budget}` : ''}.`;
  const series = [line(run, 'privacy/epsilon', 'ε')];
  const chart = {
    title: 'Privacy spent',
    description: caption,
    x: round,
    y: { label: 'Privacy spent, ε', min: 0 },
    series,
    references,
  };
  return [{ name: 'privacy', caption, svg: (look = {}) => lineChart(chart, { id: 'privacy', ...look }) }];
}

const shownElsewhere =
  /^(eval\/(accuracy|loss|examples)|train\/(accuracy|loss)|bytes\/(up|down)|time\/round|clients\/.*|privacy\/.*|examples)$/;
const mostOthers = 12;

/** One line for each further measurement: drift, gaps between groups, and what a strategy adds. */
function others(run: RunRecord): Plot[] {
  const hasNorms = norms(run).length > 0; // of single clients: more than the quartiles of a line
  const rest = tagsOf(run).filter(
    (tag) => !shownElsewhere.test(tag) && !Object.hasOwn(fairnessNames, tag) && !(hasNorms && tag.startsWith('norm/')),
  );
  return rest.slice(0, mostOthers).map((tag) => {
    const series = seriesOf(run, tag);
    const last = series.at(-1)!;
    const label = metricName(tag);
    const caption = `${label} by round: ${formatValue(tag, last.value)} after round ${last.round}.`;
    const name = tag
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '');
    const most = Math.max(...series.map(({ value }) => value));
    const y = isShare(tag) ? percentAxis(label) : tag.startsWith('time/') ? secondsAxis(label, most) : { label };
    const chart = { title: label, description: caption, x: round, y, series: [line(run, tag, label)] };
    return { name, caption, svg: (look = {}) => lineChart(chart, { id: name, ...look }) };
  });
}
