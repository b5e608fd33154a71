import { FederatedError } from '../../../shared/errors.ts';
import { spaced, xAxisHeight, xTitle, yAxis, yAxisWidth } from './axes.ts';
import {
  boxSwatch,
  drawing,
  fontSize,
  headHeight,
  label,
  legend,
  line,
  type Area,
  type ChartHead,
  type Look,
} from './drawing.ts';
import { element, join, type Attributes, type Markup } from './markup.ts';
import { paint, rampColour, seriesRole, seriesRoles, type Role, type Theme } from './palette.ts';
import { isNumber, scale, type Axis } from './scale.ts';
import { fitted } from './text-width.ts';

export interface BarSeries {
  readonly name: string;
  /** One a category. A missing or not finite value has no bar. */
  readonly values: readonly (number | null | undefined)[];
  /** Its colour, where that means something; default: the next of the palette. */
  readonly role?: Role;
}

export interface BarChart extends ChartHead {
  readonly categories: readonly string[];
  /** What the categories are. */
  readonly x: string;
  readonly y: Axis;
  readonly series: readonly BarSeries[];
  /** One bar a category with the series on top of each other, instead of one beside the other. */
  readonly stacked?: boolean;
}

const mostSeries = 24;

/**
 * Bars over categories, from zero. Up to eight series have the palette's colours; more have steps of a ramp from dark to light.
 * @throws FederatedError BAD_ARGUMENT for more than 24 series, or a negative value in a stack
 */
export function barChart(chart: BarChart, look: Look = {}): string {
  const { width = 640, height = 380, theme = 'auto' } = look;
  const { categories, series, stacked = false } = chart;
  if (series.length > mostSeries) {
    const message = `${chart.title}: ${series.length} kinds of bars cannot be told apart; a heat map can show more than ${mostSeries}`;
    throw new FederatedError('BAD_ARGUMENT', message);
  }
  if (stacked && series.some(({ values }) => values.some((value) => isNumber(value) && value < 0))) {
    throw new FederatedError(
      'BAD_ARGUMENT',
      `${chart.title}: bars with negative values cannot stand on top of each other`,
    );
  }
  const colours = series.map((_, i) => coloursOf(theme, series, i));
  const top0 = headHeight(chart);
  const key = legend(
    theme,
    series.length < 2 ? [] : series.map(({ name }, i) => ({ name, swatch: boxSwatch(colours[i]!) })),
    { left: 12, top: top0 - 2, width: width - 24 },
  );
  const [top, bottom] = [top0 + key.height + 4, height - xAxisHeight];
  const tops = stacked
    ? categories.map((_, c) => sum(series.map(({ values }) => values[c])))
    : series.flatMap(({ values }) => values);
  const y = scale(chart.y, [0, ...tops], bottom, top);
  const area: Area = { left: 12 + yAxisWidth(y), right: width - 14, top, bottom };
  const step = (area.right - area.left) / Math.max(1, categories.length);
  const gap = step >= 6 ? Math.min(12, step * 0.22) : step >= 3 ? 1 : 0;
  const zero = y.at(Math.max(0, y.low))!;

  const bars = categories.flatMap((_, c) => {
    const from = area.left + c * step + gap / 2;
    const each = step - gap;
    if (!stacked) {
      const wide = each / series.length;
      return series.map(({ values }, s) => bar(colours[s]!, from + s * wide, wide, zero, y.at(values[c])));
    }
    let below = 0;
    return series.map(({ values }, s) => {
      const value = values[c];
      if (!isNumber(value)) return join([]);
      const low = y.at(below);
      below += value;
      return bar(colours[s]!, from, each, low, y.at(below));
    });
  });
  return drawing(chart, look, [
    yAxis(theme, y, area),
    element('g', { 'shape-rendering': step < 6 ? 'crispEdges' : undefined }, bars),
    categoryAxis(theme, categories, area, chart.x, zero),
    key.markup,
  ]);
}

function coloursOf(theme: Theme, series: readonly BarSeries[], index: number): Attributes {
  if (series.length > seriesRoles.length) return { fill: rampColour(index, series.length) };
  return paint(theme, { fill: series[index]!.role ?? seriesRole(index) });
}

const sum = (values: readonly (number | null | undefined)[]): number =>
  values.reduce<number>((total, value) => total + (isNumber(value) ? value : 0), 0);

/** Between two heights, whichever is the higher. */
function bar(colours: Attributes, x: number, width: number, from: number | null, to: number | null): Markup {
  if (from === null || to === null || from === to) return join([]);
  return element('rect', { ...colours, x, y: Math.min(from, to), width, height: Math.abs(to - from) });
}

/** Names below the middle of equal parts of the width; those that would touch are left out. */
export function categoryAxis(
  theme: Theme,
  names: readonly string[],
  area: Area,
  title: string,
  zero = area.bottom,
): Markup {
  const step = (area.right - area.left) / Math.max(1, names.length);
  const widest = Math.max(64, step - 6);
  const marks = names.map((name, i) => ({ x: area.left + (i + 0.5) * step, name: fitted(name, fontSize, widest) }));
  return element('g', {}, [
    line(theme, 'axis', [area.left, zero], [area.right, zero]),
    ...spaced(marks).map(({ x, name }) => label(theme, name, { x, y: area.bottom + 17 }, { anchor: 'middle' })),
    xTitle(theme, title, area),
  ]);
}
