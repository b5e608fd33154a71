import { xAxis, xAxisHeight, yAxis, yAxisWidth } from './axes.ts';
import {
  drawing,
  fontSize,
  headHeight,
  label,
  legend,
  line,
  lineSwatch,
  type Area,
  type ChartHead,
  type Look,
} from './drawing.ts';
import { element, join, number, type Markup } from './markup.ts';
import { paint, seriesDash, seriesRole, type Role, type Theme } from './palette.ts';
import { isNumber, scale, type Axis, type Scale } from './scale.ts';
import { fitted, textWidth } from './text-width.ts';

/** A value that is missing, or no finite number, is a gap in the line: it is never drawn as zero. */
export interface Point {
  readonly x: number;
  readonly y: number | null | undefined;
  /** Ends of the band around y. */
  readonly low?: number | null | undefined;
  readonly high?: number | null | undefined;
}

export interface LineSeries {
  readonly name: string;
  /** In order of x. */
  readonly points: readonly Point[];
}

export interface LineChart extends ChartHead {
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly LineSeries[];
  /** Dashed lines across the plot, such as a target. */
  readonly references?: readonly { readonly y: number; readonly label: string }[];
  /** Points to speak of, such as the best round. */
  readonly marks?: readonly { readonly x: number; readonly y: number; readonly label: string }[];
}

const mostNameWidth = 170;
/** Of the letters that have no part below the line. */
const capHeight = 0.75 * fontSize;

/** Lines over an axis of numbers, each with a band when its points have one. Names stand at the lines' ends. */
export function lineChart(chart: LineChart, look: Look = {}): string {
  const { width = 640, height = 380, theme = 'auto' } = look;
  const { series, references = [], marks = [] } = chart;
  const names = series.map(({ name }) => fitted(name, fontSize, mostNameWidth));
  const direct = series.length > 1 && series.length <= 8;
  const listed = direct || series.length > 8 ? series : [];
  const top0 = headHeight(chart);
  const key = legend(
    theme,
    listed.map(({ name }, i) => ({ name, swatch: lineSwatch(theme, seriesRole(i), seriesDash(i)) })),
    { left: 12, top: top0 - 2, width: width - 24 },
  );
  // Names at the lines' ends say more than a legend, which is there where they do not fit or would be cut.
  const asLegend = series.length > 8 || names.some((name, i) => name !== series[i]!.name);
  const top = top0 + (asLegend ? key.height : 0) + 4;
  const bottom = height - xAxisHeight;
  const values = series.flatMap(({ points }) => points.flatMap(({ y, low, high }) => [y, low, high]));
  const y = roomFor(marks, scale(chart.y, [...values, ...references.map((each) => each.y)], bottom, top), bottom, top);
  const left = 12 + yAxisWidth(y);
  const nameRoom = direct && !asLegend ? 10 + Math.max(...names.map((name) => textWidth(name, fontSize))) : 8;
  const area: Area = { left, right: width - 14 - nameRoom, top, bottom };
  const xs = series.flatMap(({ points }) => points.map((point) => point.x));
  const x = scale(
    { tight: true, ...chart.x },
    xs,
    area.left,
    area.right,
    Math.max(2, Math.round((area.right - left) / 80)),
  );
  const drawn = series.map(({ points }, i) => lineOf(theme, points, { x, y }, seriesRole(i), seriesDash(i)));
  return drawing(chart, look, [
    yAxis(theme, y, area),
    xAxis(theme, x, area),
    ...references.map((each) => reference(theme, each, y, area)),
    ...drawn.map(({ band }) => band),
    ...drawn.map(({ strokes }) => strokes),
    ...references.map((each) => referenceName(theme, each, series, { x, y }, area)),
    ...marks.map((each) => mark(theme, each, { x, y }, area)),
    ...(asLegend ? [key.markup] : []),
    ...(direct && !asLegend ? endNames(theme, series, names, { x, y }, area) : []),
  ]);
}

/** One step more at the top where the label of a mark would have no room above it; shares of one end at 100 %. */
function roomFor(marks: NonNullable<LineChart['marks']>, y: Scale, bottom: number, top: number): Scale {
  const { axis, ticks, low, high } = y;
  const isTight = marks.some((each) => (y.at(each.y) ?? bottom) - top < 26);
  if (!isTight || ticks.step === null || axis.max !== undefined) return y;
  const { factor = 1, unit } = axis;
  const next = high + ticks.step / factor;
  if (unit === '%' && next * factor > 100 + 1e-9) return y;
  return scale({ ...axis, max: next, min: low }, [], bottom, top);
}

interface Scales {
  readonly x: Scale;
  readonly y: Scale;
}

/** Neighbouring points that have all of the wanted coordinates. */
function runsOf<T>(points: readonly Point[], place: (point: Point) => T | null): T[][] {
  const runs: T[][] = [[]];
  for (const point of points) {
    const placed = place(point);
    if (placed !== null) runs.at(-1)!.push(placed);
    else if (runs.at(-1)!.length > 0) runs.push([]);
  }
  return runs.filter((run) => run.length > 0);
}

const path = (points: readonly (readonly [number, number])[]): string =>
  points.map(([px, py], i) => `${i === 0 ? 'M' : 'L'}${number(px)} ${number(py)}`).join('');

function lineOf(theme: Theme, points: readonly Point[], { x, y }: Scales, role: Role, dash: string | undefined) {
  const strokes = runsOf(points, (point) => place(x.at(point.x), y.at(point.y)));
  const bands = runsOf(points, (point) => {
    const [px, low, high] = [x.at(point.x), y.at(point.low), y.at(point.high)];
    return px === null || low === null || high === null ? null : ([px, low, high] as const);
  });
  const count = points.filter((point) => isNumber(point.y)).length;
  const dot = ([cx, cy]: readonly [number, number]): Markup =>
    element('circle', { ...paint(theme, { fill: role }), cx, cy, r: 2.75 });
  return {
    band: join(
      bands.map((run) => {
        const outline = [
          ...run.map(([px, , high]) => [px, high] as const),
          ...run.toReversed().map(([px, low]) => [px, low] as const),
        ];
        return element('path', { ...paint(theme, { fill: role }), 'fill-opacity': '0.18', d: `${path(outline)}Z` });
      }),
    ),
    strokes: element('g', {}, [
      ...strokes
        .filter((run) => run.length > 1)
        .map((run) =>
          element('path', {
            ...paint(theme, { stroke: role }),
            'stroke-width': 2.25,
            'stroke-linejoin': 'round',
            'stroke-linecap': dash === undefined ? 'round' : undefined,
            'stroke-dasharray': dash,
            d: path(run),
          }),
        ),
      // Few points are shown each; one between two gaps would have no line at all.
      ...strokes.flatMap((run) => (count <= 30 || run.length === 1 ? run.map(dot) : [])),
    ]),
  };
}

const place = (px: number | null, py: number | null): readonly [number, number] | null =>
  px === null || py === null ? null : [px, py];

type Reference = NonNullable<LineChart['references']>[number];

function reference(theme: Theme, each: Reference, y: Scale, area: Area): Markup {
  const at = y.at(each.y);
  if (at === null) return join([]);
  return line(theme, 'axis', [area.left, at], [area.right, at], { 'stroke-dasharray': '4 4', 'stroke-width': 1.25 });
}

/** The name of a reference above or below it, at the left, in the middle or at the right: where the fewest lines run through it. */
function referenceName(
  theme: Theme,
  each: Reference,
  series: readonly LineSeries[],
  { x, y }: Scales,
  area: Area,
): Markup {
  const at = y.at(each.y);
  if (at === null) return join([]);
  const width = textWidth(each.label, fontSize);
  const lines = series.flatMap(({ points }) => runsOf(points, (point) => place(x.at(point.x), y.at(point.y))));
  const crossings = (left: number, base: number): number => {
    const inside = ([ax, ay]: readonly [number, number], [bx, by]: readonly [number, number]): boolean =>
      Math.max(ax, bx) >= left - 4 &&
      Math.min(ax, bx) <= left + width + 4 &&
      Math.max(ay, by) >= base - fontSize - 2 &&
      Math.min(ay, by) <= base + 5;
    return lines.reduce(
      (sum, run) => sum + run.filter((point, i) => inside(run[Math.max(0, i - 1)]!, point)).length,
      0,
    );
  };
  const bases = [at - 5, at + 15].filter((base) => base - capHeight >= area.top - 6 && base <= area.bottom - 2);
  const lefts = [area.left + 6, (area.left + area.right - width) / 2, area.right - width - 6];
  const places = bases.flatMap((base) => lefts.map((left) => ({ left, base, crossings: crossings(left, base) })));
  const [best = { left: lefts[0]!, base: at + 15 }] = places.toSorted((a, b) => a.crossings - b.crossings);
  return label(theme, each.label, { x: best.left, y: best.base }, { fill: 'muted', halo: true });
}

function mark(
  theme: Theme,
  each: { readonly x: number; readonly y: number; readonly label: string },
  { x, y }: Scales,
  area: Area,
): Markup {
  const at = place(x.at(each.x), y.at(each.y));
  if (at === null) return join([]);
  const half = textWidth(each.label, fontSize) / 2;
  const lx = Math.min(Math.max(at[0], area.left + half + 4), area.right - half);
  const above = at[1] - 14 > area.top + 4;
  return join([
    element('circle', {
      ...paint(theme, { fill: 'page', stroke: 'ink' }),
      'stroke-width': 1.75,
      cx: at[0],
      cy: at[1],
      r: 4.25,
    }),
    label(
      theme,
      each.label,
      { x: lx, y: above ? at[1] - 11 : at[1] + 20 },
      { anchor: 'middle', fill: 'ink', weight: 600, halo: true },
    ),
  ]);
}

/** The series' names at the height of their last points, moved apart where they would touch. */
function endNames(
  theme: Theme,
  series: readonly LineSeries[],
  names: readonly string[],
  { x, y }: Scales,
  area: Area,
): Markup[] {
  const ends = series.flatMap(({ points }, i) => {
    const last = points.findLast((point) => place(x.at(point.x), y.at(point.y)) !== null);
    return last === undefined ? [] : [{ i, at: y.at(last.y)!, name: names[i]! }];
  });
  const apart = spread(
    ends.map(({ at }) => at),
    14,
    area.top + 6,
    area.bottom - 4,
  );
  return ends.map(({ i, name }, k) =>
    label(theme, name, { x: area.right + 10, y: apart[k]! + 4 }, { fill: seriesRole(i), weight: 600 }),
  );
}

/** The positions moved as little as needed so that neighbours are `gap` apart, between `low` and `high`; their order stays. */
export function spread(positions: readonly number[], gap: number, low: number, high: number): number[] {
  const order = positions.map((_, i) => i).toSorted((a, b) => positions[a]! - positions[b]! || a - b);
  const moved = [...positions];
  let least = low;
  for (const i of order) {
    moved[i] = Math.max(moved[i]!, least);
    least = moved[i]! + gap;
  }
  let most = high;
  for (const i of order.toReversed()) {
    moved[i] = Math.min(moved[i]!, most);
    most = moved[i]! - gap;
  }
  return moved;
}
