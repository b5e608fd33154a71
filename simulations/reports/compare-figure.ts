import type { Look } from './charts/drawing.ts';
import { lineChart } from './charts/line-chart.ts';
import { percentAxis } from './charts/scale.ts';
import type { Comparison } from './compare.ts';
import { formatValue, isShare } from './format.ts';
import { metricName } from './metric-names.ts';

/**
 * One line a group: the mean over its runs, with a band of one standard deviation to each side where there are two or more.
 * @param words - title, and what the metric is called, in place of the usual ones
 */
export function compareFigure(
  { metric, target, groups }: Comparison,
  look: Look = {},
  words: { readonly title?: string; readonly label?: string } = {},
): string {
  const counts = [...new Set(groups.map(({ runs }) => runs.length))];
  // The number of runs stands once where it is the same for all.
  const each = counts.length === 1 ? null : counts;
  const over = counts.length === 1 ? `${counts[0]} ${counts[0] === 1 ? 'run' : 'runs'} each` : 'n runs each';
  const subtitle = counts.every((n) => n === 1)
    ? 'One run each: no band'
    : `Mean and ±1 standard deviation over ${over}`;
  const { names, settings } = shortened(groups.map(({ label }) => label));
  const name = words.label ?? metricName(metric);
  const finals = groups.map(
    ({ label, final }) => `${label}: ${final === null ? 'no value' : formatValue(metric, final.mean)}`,
  );
  return lineChart(
    {
      title: words.title ?? name,
      subtitle: settings === null ? subtitle : `${subtitle}; lines by ${settings}`,
      description: `${name} by round. ${subtitle}. At the end, ${finals.join('; ')}.`,
      x: { label: 'Round', whole: true, tight: true },
      y: isShare(metric) ? percentAxis(name) : { label: name },
      references: target === null ? [] : [{ y: target, label: `target ${formatValue(metric, target)}` }],
      series: groups.map(({ runs, curve }, i) => ({
        name: each === null ? names[i]! : `${names[i]!} (n = ${runs.length})`,
        points: curve.map(({ round, value }) => ({
          x: round,
          y: value?.mean,
          ...(value === null || value.sd === null ? {} : { low: value.mean - value.sd, high: value.mean + value.sd }),
        })),
      })),
    },
    { id: 'compare', ...look },
  );
}

/** Beyond it a name would be cut in the figure, and two might look the same. */
const longestName = 30;

/** `lr = 0.1, part = iid` and others as long: the values alone, and what they are of once for all. */
function shortened(labels: readonly string[]): { readonly names: readonly string[]; readonly settings: string | null } {
  const parts = labels.map((label) => label.split(', ').map((part) => part.split(' = ')));
  const settings = parts[0]?.map(([setting]) => setting).join(', ') ?? '';
  const isRegular = parts.every((each) => each.every((part) => part.length === 2) && each.map(([setting]) => setting).join(', ') === settings); // prettier-ignore
  if (!isRegular || labels.every((label) => label.length <= longestName)) return { names: labels, settings: null };
  return { names: parts.map((each) => each.map(([, value]) => value).join(', ')), settings };
}
