import { quantile } from '../../../shared/statistics.ts';
import { xAxisHeight, yAxis, yAxisWidth } from './axes.ts';
import { categoryAxis } from './bar-chart.ts';
import { drawing, headHeight, line, type Area, type ChartHead, type Look } from './drawing.ts';
import { element, type Markup } from './markup.ts';
import { paint, type Theme } from './palette.ts';
import { isNumber, scale, type Axis, type Scale } from './scale.ts';

export interface BoxGroup {
  readonly name: string;
  /** Values that are missing or not finite are left out. */
  readonly values: readonly (number | null | undefined)[];
}

export interface BoxChart extends ChartHead {
  readonly groups: readonly BoxGroup[];
  /** What the groups are. */
  readonly x: string;
  readonly y: Axis;
}

export interface Box {
  readonly quartiles: readonly [number, number, number];
  /** The farthest values within 1.5 times the distance of the quartiles from the box (Tukey, 1977). */
  readonly whiskers: readonly [number, number];
  readonly outside: readonly number[];
}

/** @returns null without values */
export function boxOf(values: readonly (number | null | undefined)[]): Box | null {
  const sorted = values.filter(isNumber).toSorted((a, b) => a - b);
  if (sorted.length === 0) return null;
  const [q1, q2, q3] = [quantile(sorted, 0.25), quantile(sorted, 0.5), quantile(sorted, 0.75)];
  const reach = 1.5 * (q3 - q1);
  const inside = sorted.filter((value) => value >= q1 - reach && value <= q3 + reach);
  return {
    quartiles: [q1, q2, q3],
    whiskers: [inside[0]!, inside.at(-1)!],
    outside: sorted.filter((value) => value < q1 - reach || value > q3 + reach),
  };
}

/** From so many values a group on its points are no longer drawn one by one, but for those outside the whiskers. */
const mostPoints = 200;

/** A box for each group with its points beside each other; with fewer than five values the points alone. */
export function boxChart(chart: BoxChart, look: Look = {}): string {
  const { width = 640, height = 380, theme = 'auto' } = look;
  const { groups } = chart;
  const [top, bottom] = [headHeight(chart) + 4, height - xAxisHeight];
  const y = scale(
    chart.y,
    groups.flatMap(({ values }) => values),
    bottom,
    top,
  );
  const area: Area = { left: 12 + yAxisWidth(y), right: width - 14, top, bottom };
  const step = (area.right - area.left) / Math.max(1, groups.length);
  const drawn = groups.map(({ values }, i) =>
    groupOf(theme, values.filter(isNumber), y, area.left + (i + 0.5) * step, Math.min(26, step * 0.32)),
  );
  return drawing(chart, look, [
    yAxis(theme, y, area),
    ...drawn,
    categoryAxis(
      theme,
      groups.map(({ name }) => name),
      area,
      chart.x,
    ),
  ]);
}

function groupOf(theme: Theme, values: readonly number[], y: Scale, x: number, half: number): Markup {
  const box = boxOf(values);
  if (box === null) return element('g');
  const points = values.length <= mostPoints ? values : box.outside;
  const strip = points.map((value, i) => {
    // Side by side by the golden ratio: even, and the same each time.
    const aside = values.length === 1 ? 0 : (((i + 1) * 0.618_033_988_75) % 1) * 2 - 1;
    const at = { cx: x + aside * half * 0.8, cy: y.at(value)!, r: 2.25 };
    return element('circle', { ...paint(theme, { fill: 's0' }), 'fill-opacity': '0.55', ...at });
  });
  if (values.length < 5) return element('g', {}, strip);
  const [q1, q2, q3] = box.quartiles.map((value) => y.at(value)!) as [number, number, number];
  const [low, high] = box.whiskers.map((value) => y.at(value)!) as [number, number];
  const rect = { x: x - half, y: q3, width: 2 * half, height: Math.max(0.5, q1 - q3), rx: 2 };
  return element('g', {}, [
    element('rect', { ...paint(theme, { fill: 's0' }), 'fill-opacity': '0.16', ...rect }),
    ...strip,
    element('rect', { ...paint(theme, { stroke: 's0' }), 'stroke-width': 1.5, ...rect }),
    line(theme, 's0', [x, q1], [x, low], { 'stroke-width': 1.5 }),
    line(theme, 's0', [x, q3], [x, high], { 'stroke-width': 1.5 }),
    line(theme, 'ink', [x - half, q2], [x + half, q2], { 'stroke-width': 2.25 }),
  ]);
}
