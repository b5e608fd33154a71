import { cpus } from 'node:os';

/** What every benchmark prints with `--json`. `value` is a median over `runs`; ratios are to a baseline of the same run. */
export interface BenchRow {
  readonly metric: string;
  readonly params: Readonly<Record<string, number | string>>;
  readonly value: number;
  readonly unit: string;
  readonly baseline?: { readonly name: string; readonly value: number };
  readonly ratio?: number;
  readonly runs: number;
  readonly min: number;
  readonly max: number;
}

export interface BenchReport {
  readonly bench: string;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly node: string };
  readonly rows: readonly BenchRow[];
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

const round = (value: number): number => Number(value.toPrecision(4));

/** A row from repeated measurements. */
export function rowOf(
  metric: string,
  params: BenchRow['params'],
  unit: string,
  values: readonly number[],
  baseline?: { readonly name: string; readonly value: number },
): BenchRow {
  const value = median(values);
  return {
    metric,
    params,
    value: round(value),
    unit,
    ...(baseline === undefined
      ? {}
      : { baseline: { name: baseline.name, value: round(baseline.value) }, ratio: round(value / baseline.value) }),
    runs: values.length,
    min: round(Math.min(...values)),
    max: round(Math.max(...values)),
  };
}

export const reportOf = (bench: string, rows: readonly BenchRow[]): BenchReport => ({
  bench,
  machine: { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version },
  rows,
});
