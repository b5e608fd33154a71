import { fontSize, label, line, type Area } from './drawing.ts';
import { element, type Markup } from './markup.ts';
import type { Theme } from './palette.ts';
import type { Axis, Scale } from './scale.ts';
import { textWidth } from './text-width.ts';
import { tickLabel } from './ticks.ts';

/** `Accuracy (%)` */
export const axisTitle = ({ label: name, unit }: Axis): string => (unit === undefined ? name : `${name} (${unit})`);

const shownTicks = ({ axis, ticks }: Scale): { readonly value: number; readonly name: string }[] =>
  ticks.values.map((value) => ({ value: value / (axis.factor ?? 1), name: tickLabel(value, ticks.step) }));

/** Room for the labels of a vertical axis and its title, px. */
export const yAxisWidth = (scale: Scale): number =>
  34 + Math.max(0, ...shownTicks(scale).map(({ name }) => textWidth(name, fontSize)));

/** Room below the plot: tick labels and the axis' title, px. */
export const xAxisHeight = 48;

/** Horizontal grid lines with labels at the left, and the axis' title along them. */
export function yAxis(theme: Theme, scale: Scale, { left, right, top, bottom }: Area): Markup {
  const drawn = shownTicks(scale).flatMap(({ value, name }) => {
    const y = scale.at(value);
    if (y === null) return [];
    return [
      line(theme, 'grid', [left, y], [right, y]),
      label(theme, name, { x: left - 8, y: y + 4 }, { anchor: 'end' }),
    ];
  });
  const middle = (top + bottom) / 2;
  const title = label(theme, axisTitle(scale.axis), { x: 18, y: middle }, { anchor: 'middle', rotate: -90 });
  return element('g', {}, [...drawn, title]);
}

/** The line below the plot with ticks, their labels, and the axis' title. Labels that would touch are left out. */
export function xAxis(theme: Theme, scale: Scale, area: Area): Markup {
  const { left, right, bottom } = area;
  const marks = shownTicks(scale).flatMap(({ value, name }) => {
    const x = scale.at(value);
    return x === null ? [] : [{ x, name }];
  });
  return element('g', {}, [
    line(theme, 'axis', [left, bottom], [right, bottom]),
    ...spaced(marks).flatMap(({ x, name }) => [
      line(theme, 'axis', [x, bottom], [x, bottom + 4]),
      label(theme, name, { x, y: bottom + 17 }, { anchor: 'middle' }),
    ]),
    xTitle(theme, axisTitle(scale.axis), area),
  ]);
}

export const xTitle = (theme: Theme, title: string, { left, right, bottom }: Area): Markup =>
  label(theme, title, { x: (left + right) / 2, y: bottom + 37 }, { anchor: 'middle' });

/**
 * Every n-th of the marks, with the smallest n at which no two labels touch. Of marks that are whole numbers those that n
 * divides: 5, 10, 15 and not 1, 6, 11.
 */
export function spaced<T extends { readonly x: number; readonly name: string }>(marks: readonly T[]): readonly T[] {
  const whole = marks.every(({ name }) => /^\d{1,15}$/.test(name));
  for (const every of [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]) {
    const kept = marks.filter(({ name }, i) => (whole ? Number(name) : i) % every === 0);
    const touch = kept.some(({ x, name }, i) => {
      const next = kept[i + 1];
      return next !== undefined && next.x - x < (textWidth(name, fontSize) + textWidth(next.name, fontSize)) / 2 + 6;
    });
    if (!touch) return kept;
  }
  return marks.slice(0, 1);
}
