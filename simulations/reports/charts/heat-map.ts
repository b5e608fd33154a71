import { spaced, xAxisHeight, xTitle } from './axes.ts';
import { drawing, fontSize, headHeight, label, type Area, type ChartHead, type Look } from './drawing.ts';
import { element, join, type Markup } from './markup.ts';
import { paint, type Theme } from './palette.ts';
import { isNumber, scale, type Axis } from './scale.ts';
import { fitted, textWidth } from './text-width.ts';
import { tickLabel } from './ticks.ts';

export interface HeatMap extends ChartHead {
  /** Names of the columns and what they are. */
  readonly columns: readonly string[];
  readonly x: string;
  /** Names of the rows, from the top, and what they are. */
  readonly rows: readonly string[];
  readonly y: string;
  /** What a cell's value is; its least colour stands for `min`, or 0 when nothing is negative. */
  readonly value: Axis;
  /** [row][column]. A missing or not finite value is crossed out. */
  readonly values: readonly (readonly (number | null | undefined)[])[];
}

const barWidth = 14;

/** Cells whose depth of colour is their value, with a colour bar; numbers in the cells where there is room. */
export function heatMap(chart: HeatMap, look: Look = {}): string {
  const { width = 640, height = 380, theme = 'auto' } = look;
  const { columns, rows } = chart;
  const names = rows.map((name) => fitted(name, fontSize, 120));
  const [top, bottom] = [headHeight(chart) + 4, height - xAxisHeight];
  const all = chart.values.flat();
  const least = all.some((value) => isNumber(value) && value < 0) ? [] : [0];
  const depth = scale(chart.value, [...least, ...all], 0, 1, 4);
  const ticks = depth.ticks.values.map((value) => ({
    at: depth.at(value / (chart.value.factor ?? 1))!,
    name: tickLabel(value, depth.ticks.step),
  }));
  const right = width - 14 - 18 - barWidth - Math.max(...ticks.map(({ name }) => textWidth(name, fontSize))) - 24;
  const left = 42 + Math.max(8, ...names.map((name) => textWidth(name, fontSize)));
  const area: Area = { left, right, top, bottom };
  const cell = {
    width: (right - left) / Math.max(1, columns.length),
    height: (bottom - top) / Math.max(1, rows.length),
  };

  const numberIn = writer(all.filter(isNumber), chart.value);
  const labels = all.filter(isNumber).map(numberIn);
  const numbered =
    cell.height >= 16 && labels.length > 0 && Math.max(...labels.map((each) => textWidth(each, 11))) + 4 <= cell.width;
  const gap = Math.min(cell.width, cell.height) >= 8 ? 1 : 0;
  const cells = rows.flatMap((_, r) =>
    columns.map((__, c) => {
      const value = chart.values[r]?.[c];
      const box = { x: left + c * cell.width, y: top + r * cell.height, ...cell };
      const at = depth.at(value);
      if (at === null) return crossed(theme, box);
      const drawn = element('rect', {
        ...paint(theme, { fill: 'heat' }),
        'fill-opacity': shade(at),
        x: box.x,
        y: box.y,
        width: cell.width - gap,
        height: cell.height - gap,
      });
      if (!numbered) return drawn;
      const where = { x: box.x + cell.width / 2, y: box.y + cell.height / 2 + 4 };
      const fill = at >= inkTurnsAt ? 'deep' : 'shallow';
      return join([drawn, label(theme, numberIn(value!), where, { anchor: 'middle', size: 11, fill })]);
    }),
  );
  const marks = columns.map((name, c) => ({ x: left + (c + 0.5) * cell.width, name: fitted(name, fontSize, 90) }));
  const rowMarks = rows.map((_, r) => ({ y: top + (r + 0.5) * cell.height + 4, name: names[r]! }));
  const every = Math.max(1, Math.ceil(15 / cell.height));
  return drawing(chart, look, [
    element('g', { 'shape-rendering': gap === 0 ? 'crispEdges' : undefined }, cells),
    ...rowMarks
      .filter((_, r) => r % every === 0)
      .map(({ y, name }) => label(theme, name, { x: left - 8, y }, { anchor: 'end' })),
    ...spaced(marks).map(({ x, name }) => label(theme, name, { x, y: bottom + 17 }, { anchor: 'middle' })),
    xTitle(theme, chart.x, area),
    label(theme, chart.y, { x: 18, y: (top + bottom) / 2 }, { anchor: 'middle', rotate: -90 }),
    colourBar(theme, chart.value, ticks, area, width),
  ]);
}

/** Where black and white on a cell are equally readable, 4.5:1, in both themes: a number changes from one to the other. */
export const inkTurnsAt = 0.667;

/** Four decimals, since neighbours may differ by little. */
const shade = (depth: number): string => String(Number(Math.min(1, Math.max(0, depth)).toFixed(4)));

/** Three digits of the largest number, and as many decimals for all others, so that they can be compared: `87.0` beside `84.3`. */
function writer(values: readonly number[], { factor = 1 }: Axis): (value: number) => string {
  const most = values.reduce((top, value) => Math.max(top, Math.abs(value * factor)), 0);
  const room = most > 0 ? Math.max(0, 2 - Math.floor(Math.log10(most))) : 0;
  const short = (value: number): number => Number((value * factor).toPrecision(3));
  const needed = values.reduce((top, value) => Math.max(top, String(short(value)).split('.')[1]?.length ?? 0), 0);
  const decimals = Math.min(room, needed);
  const isPlain = most < 1_000 && most >= 1e-3;
  return (value) => tickLabel(short(value), isPlain && value !== 0 ? 10 ** -decimals : null);
}

function crossed(theme: Theme, box: { x: number; y: number; width: number; height: number }): Markup {
  const [dx, dy] = [box.width * 0.3, box.height * 0.3];
  return element('line', {
    ...paint(theme, { stroke: 'axis' }),
    x1: box.x + dx,
    y1: box.y + box.height - dy,
    x2: box.x + box.width - dx,
    y2: box.y + dy,
  });
}

function colourBar(
  theme: Theme,
  axis: Axis,
  ticks: readonly { readonly at: number; readonly name: string }[],
  { right, top, bottom }: Area,
  width: number,
): Markup {
  const x = right + 18;
  const steps = 32;
  const size = (bottom - top) / steps;
  const title = axis.unit === undefined ? axis.label : `${axis.label} (${axis.unit})`;
  return element('g', {}, [
    ...Array.from({ length: steps }, (_, i) =>
      element('rect', {
        ...paint(theme, { fill: 'heat' }),
        'fill-opacity': shade((i + 0.5) / steps),
        'shape-rendering': 'crispEdges',
        x,
        y: bottom - (i + 1) * size,
        width: barWidth,
        height: size,
      }),
    ),
    element('rect', { ...paint(theme, { stroke: 'axis' }), x, y: top, width: barWidth, height: bottom - top }),
    ...ticks.map(({ at, name }) => label(theme, name, { x: x + barWidth + 6, y: bottom - at * (bottom - top) + 4 })),
    label(theme, title, { x: width - 12, y: (top + bottom) / 2 }, { anchor: 'middle', rotate: -90 }),
  ]);
}
