/** Round numbers along an axis. */

export interface Ticks {
  readonly values: readonly number[];
  /** Distance of neighbours; null on a logarithmic axis. */
  readonly step: number | null;
}

/** The round step (1, 2 or 5 times a power of ten) that gives at most about `count` ticks over a span. */
function roundStep(span: number, count: number, whole: boolean): number {
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => rough <= factor * power * 1.0000001) ?? 10) * power;
  return whole ? Math.max(1, Math.round(step)) : Number(step.toPrecision(12)); // 1e-5, not 9.999999999999999e-6
}

/** `index * step` without the noise of binary fractions: 0.3, not 0.30000000000000004. */
const multiple = (index: number, step: number): number => Number((index * step).toPrecision(12));

/** Two values that a double hardly tells apart are one: steps between them would be lost in rounding. */
const hardlyApart = (low: number, high: number): boolean =>
  high - low <= Math.max(1e-290, 1e-9 * Math.max(Math.abs(low), Math.abs(high)));

/**
 * Ticks that cover `low` to `high`: the first is at or below, the last at or above.
 * @param whole - only whole numbers, as for rounds
 */
export function coveringTicks(low: number, high: number, count = 5, whole = false): Ticks {
  let [from, to] = low <= high ? [low, high] : [high, low];
  if (hardlyApart(from, to)) {
    const around = whole || Math.abs(from) < 1e-280 ? 1 : Math.abs(from) * 0.1;
    [from, to] = [from - around, to + around];
  }
  const step = roundStep(to - from, count, whole);
  const values: number[] = [];
  const first = Math.floor(from / step + 1e-9);
  const last = Math.ceil(to / step - 1e-9);
  for (let i = first; i <= last; i++) values.push(multiple(i, step));
  return { values, step };
}

/** Ticks inside `low` to `high`, for an axis that ends where its data end. */
export function innerTicks(low: number, high: number, count = 6, whole = false): Ticks {
  if (hardlyApart(low, high)) return { values: [low], step: 1 };
  const step = roundStep(high - low, count, whole);
  const values: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); multiple(i, step) <= high + step * 1e-9; i++)
    values.push(multiple(i, step));
  return { values, step };
}

/** Powers of ten that cover a positive range, with 2 and 5 between them where that leaves few. */
export function logTicks(low: number, high: number): Ticks {
  const first = Math.floor(Math.log10(low) + 1e-9);
  const last = Math.max(first + 1, Math.ceil(Math.log10(high) - 1e-9));
  const values: number[] = [];
  for (let power = first; power <= last; power++) {
    const factors = power === last ? [1] : last - first <= 2 ? [1, 2, 5] : [1];
    for (const factor of factors) values.push(Number((factor * 10 ** power).toPrecision(12)));
  }
  return { values, step: null };
}

const prefixes = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e4, 'k'],
] as const;

/** A tick's label: as many decimals as the step needs; from ten thousand on with k, M, G, T (10 k is 10,000). */
export function tickLabel(value: number, step: number | null): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e15) return minus(value.toExponential(0));
  for (const [from, letter] of prefixes) {
    if (size < from) continue;
    const unit = letter === 'k' ? 1e3 : from;
    return minus(`${Number((value / unit).toPrecision(6))}\u2009${letter}`);
  }
  if (step === null) return minus(String(Number(value.toPrecision(6))));
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return minus(value.toFixed(Math.min(12, decimals)));
}

/** With a real minus sign. */
const minus = (label: string): string => label.replace('-', '\u2212');
