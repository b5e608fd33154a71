import { coveringTicks, innerTicks, logTicks, type Ticks } from './ticks.ts';

/** What an axis shows. */
export interface Axis {
  readonly label: string;
  /** Written behind the label in brackets. */
  readonly unit?: string;
  /** From the data's unit to the shown one: 100 with the unit % shows 0.95 as 95. */
  readonly factor?: number;
  readonly whole?: boolean;
  readonly log?: boolean;
  /** Ends of the axis, in the data's unit; without them the data's. A linear axis is widened to round numbers. */
  readonly min?: number;
  readonly max?: number;
  /** The axis ends where its data end, as for rounds. */
  readonly tight?: boolean;
}

/** From data to coordinates. */
export interface Scale {
  readonly axis: Axis;
  readonly ticks: Ticks;
  /** In the data's unit. */
  readonly low: number;
  readonly high: number;
  /** The coordinate of a value, or null where the axis has no place for it: missing, not finite, not positive on a log axis. */
  at(value: number | null | undefined): number | null;
}

/** Something to draw. Beyond 1e300 differences overflow: a run that has diverged so far is as good as infinite. */
export const isNumber = (value: number | null | undefined): value is number =>
  typeof value === 'number' && Math.abs(value) <= 1e300;

/**
 * @param values - the data; those that are missing or not finite do not count
 * @param from - the coordinate of the low end; `to` that of the high end
 * @param count - about how many ticks
 */
export function scale(
  axis: Axis,
  values: Iterable<number | null | undefined>,
  from: number,
  to: number,
  count = 5,
): Scale {
  const { factor = 1, log = false, whole = false, tight = false } = axis;
  let low = axis.min ?? Infinity;
  let high = axis.max ?? -Infinity;
  for (const value of values) {
    if (!isNumber(value) || (log && value <= 0)) continue;
    if (axis.min === undefined) low = Math.min(low, value);
    if (axis.max === undefined) high = Math.max(high, value);
  }
  if (!Number.isFinite(low) || !Number.isFinite(high)) [low, high] = log ? [1, 10] : [0, factor > 1 ? 1 : 1 / factor];
  if (low > high) [low, high] = [high, low];
  const ticks = log
    ? logTicks(low * factor, high * factor)
    : (tight ? innerTicks : coveringTicks)(low * factor, high * factor, count, whole);
  if (!tight || log) {
    // An end that was asked for stays; the others move out to a tick.
    low = axis.min !== undefined && !log ? low : Math.min(low, ticks.values[0]! / factor);
    high = axis.max !== undefined && !log ? high : Math.max(high, ticks.values.at(-1)! / factor);
  }
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const position = log ? Math.log10 : (value: number): number => value;
  const [start, end] = [position(low), position(high)];
  const shown = ticks.values.filter((value) => {
    const slack = 1e-9 * Math.abs(high - low);
    return value / factor >= low - slack && value / factor <= high + slack;
  });
  return {
    axis,
    ticks: { values: shown, step: ticks.step },
    low,
    high,
    at: (value) =>
      !isNumber(value) || (log && value <= 0) ? null : from + ((position(value) - start) / (end - start)) * (to - from),
  };
}

/** An axis of bytes in the largest unit that keeps the numbers above one (powers of 1000). @param most - the largest value, bytes */
export const bytesAxis = (label: string, most: number): Axis => {
  const [factor, unit] =
    most >= 1e9 ? [1e-9, 'GB'] : most >= 1e6 ? [1e-6, 'MB'] : most >= 1e3 ? [1e-3, 'kB'] : [1, 'bytes'];
  return { label, factor, unit, min: 0 };
};

/** An axis of seconds in ms, s, min or h. @param most - the largest value, s */
export const secondsAxis = (label: string, most: number): Axis => {
  const [factor, unit] =
    most >= 7200 ? [1 / 3600, 'h'] : most >= 180 ? [1 / 60, 'min'] : most >= 1 ? [1, 's'] : [1e3, 'ms'];
  return { label, factor, unit, min: 0 };
};

/** Shares of one, shown in percent. */
export const percentAxis = (label: string, ends: Pick<Axis, 'min' | 'max'> = {}): Axis => ({
  label,
  unit: '%',
  factor: 100,
  ...ends,
});
