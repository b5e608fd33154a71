import type { Look } from './charts/drawing.ts';
import type { LineSeries } from './charts/line-chart.ts';
import type { Axis } from './charts/scale.ts';
import { committed, tagsOf, type RunRecord } from './run-record.ts';
import { median } from '../../shared/statistics.ts';

/** A figure of a run. */
export interface Plot {
  /** Its file's name without an ending: `accuracy`. */
  readonly name: string;
  /** What it shows in one or two sentences, as in a paper's caption. */
  readonly caption: string;
  svg(look?: Look): string;
}

export const round: Axis = { label: 'Round', whole: true, tight: true };

/** The values of a tag over the committed rounds, for a line. */
export const line = (run: RunRecord, tag: string, name: string): LineSeries => ({
  name,
  points: measuredRounds(run, tag).map(({ round: x, values }) => ({ x, y: values?.[tag] })),
});

export interface MeasuredRound {
  readonly round: number;
  readonly values: Readonly<Record<string, number>> | null;
}

/**
 * The rounds in which a tag was measured. Where one was no finite number, or where more rounds lie between two than usual, there
 * is one without values, so that a line has a gap. (When only every tenth round is measured, ten is usual.)
 */
export function measuredRounds(run: Pick<RunRecord, 'rounds'>, tag: string): MeasuredRound[] {
  const measured = committed(run).flatMap<MeasuredRound>(({ round: at, values, missing }) => {
    if (values[tag] !== undefined) return [{ round: at, values }];
    return missing.includes(tag) ? [{ round: at, values: null }] : [];
  });
  const distances = measured.slice(1).map(({ round: at }, i) => at - measured[i]!.round);
  const usual = distances.length === 0 ? 1 : median(distances);
  return measured.flatMap((each, i) => {
    const before = measured[i - 1];
    const isFar = before !== undefined && each.round - before.round > 1.5 * usual;
    return isFar ? [{ round: each.round - usual, values: null }, each] : [each];
  });
}

/** Whether some committed round has a value of one of the tags. */
export const has = (run: RunRecord, ...tags: string[]): boolean => {
  const there = new Set(tagsOf(run));
  return tags.some((tag) => there.has(tag));
};
