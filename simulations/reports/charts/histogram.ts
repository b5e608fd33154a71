import { xAxis, xAxisHeight, yAxis, yAxisWidth } from './axes.ts';
import { drawing, fontSize, headHeight, label, line, type Area, type ChartHead, type Look } from './drawing.ts';
import { element, join } from './markup.ts';
import { paint } from './palette.ts';
import { isNumber, scale, type Axis } from './scale.ts';
import { textWidth } from './text-width.ts';
import { coveringTicks } from './ticks.ts';

export interface Histogram extends ChartHead {
  /** What is counted into bins. */
  readonly x: Axis;
  /** What there is a number of, such as `clients`. */
  readonly counted: string;
  /** Values that are missing or not finite are left out, and the line below the title should say how many. */
  readonly values: readonly (number | null | undefined)[];
  /** Vertical lines, such as the mean. */
  readonly marks?: readonly { readonly x: number; readonly label: string }[];
}

export interface Bin {
  readonly from: number;
  /** Exclusive, but for the last bin. */
  readonly to: number;
  readonly count: number;
}

/**
 * Counts of values in bins with round edges, in about the number that Freedman and Diaconis (1981) give: bins of width
 * 2 IQR / n^(1/3); about 5 to 40.
 * @param factor - from the data's unit to the one whose edges shall be round
 */
export function bins(values: readonly (number | null | undefined)[], factor = 1): Bin[] {
  const sorted = values.filter(isNumber).toSorted((a, b) => a - b);
  if (sorted.length === 0) return [];
  const [low, high] = [sorted[0]!, sorted.at(-1)!];
  const quarter = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  const width = (2 * (quarter(0.75) - quarter(0.25))) / Math.cbrt(sorted.length);
  const wanted = width > 0 ? Math.ceil((high - low) / width) : 10;
  // A round step is up to 2.5 times the asked one: 1.6 is in the middle of that.
  const edges = coveringTicks(low * factor, high * factor, Math.min(40, Math.max(8, 1.6 * wanted))).values.map(
    (e) => e / factor,
  );
  const counts = Array.from({ length: edges.length - 1 }, () => 0);
  for (const value of sorted) {
    // By the edges themselves and not by a division, so that a value on an edge lies where the axis shows it.
    let bin = edges.findIndex((edge) => value < edge) - 1;
    if (bin < 0) bin = counts.length - 1;
    counts[bin]!++;
  }
  return counts.map((count, i) => ({ from: edges[i]!, to: edges[i + 1]!, count }));
}

export function histogram(chart: Histogram, look: Look = {}): string {
  const { width = 640, height = 380, theme = 'auto' } = look;
  const { marks = [] } = chart;
  const counted = bins(chart.values, chart.x.factor);
  const [top, bottom] = [headHeight(chart) + 4 + (marks.length > 0 ? 16 : 0), height - xAxisHeight];
  const title = `Number of ${chart.counted}`;
  const y = scale(
    { label: title, whole: true, min: 0 },
    counted.map(({ count }) => count),
    bottom,
    top,
  );
  const area: Area = { left: 12 + yAxisWidth(y), right: width - 20, top, bottom };
  const ends = counted.flatMap(({ from, to }) => [from, to]);
  const x = scale(
    { ...chart.x, min: Math.min(...ends), max: Math.max(...ends), tight: true },
    ends,
    area.left,
    area.right,
    Math.max(2, Math.round((area.right - area.left) / 90)),
  );
  return drawing(chart, look, [
    yAxis(theme, y, area),
    ...counted.map(({ from, to, count }) => {
      const [x1, x2, y1] = [x.at(from), x.at(to), y.at(count)];
      if (x1 === null || x2 === null || y1 === null || count === 0) return join([]);
      const box = { x: x1 + 0.5, y: y1, width: Math.max(0.5, x2 - x1 - 1), height: bottom - y1 };
      return element('rect', { ...paint(theme, { fill: 's0' }), 'fill-opacity': '0.8', ...box });
    }),
    xAxis(theme, x, area),
    ...marks.map((each, i) => {
      const at = x.at(each.x);
      if (at === null || at < area.left || at > area.right) return join([]);
      const half = textWidth(each.label, fontSize) / 2;
      const lx = Math.min(Math.max(at, area.left + half), area.right - half);
      return join([
        line(theme, 'ink', [at, top - 6], [at, bottom], {
          'stroke-width': 1.5,
          'stroke-dasharray': i % 2 === 0 ? '5 3' : '2 3',
        }),
        label(theme, each.label, { x: lx, y: top - 10 }, { anchor: 'middle', fill: 'ink', weight: 600 }),
      ]);
    }),
  ]);
}
