import { FederatedError } from '../../shared/errors.ts';
import { groupRuns, type RunGroup } from './grouping.ts';
import { isLoss, roundsTo, seriesOf, total } from './headline.ts';
import { committed, fieldOf, tagsOf, type RunRecord } from './run-record.ts';
import { mean, median, sampleDeviation } from '../../shared/statistics.ts';

export interface CompareOptions {
  /** Default `eval/accuracy`. */
  readonly metric?: string;
  /** A setting; default: every setting in which the runs differ but the seed. */
  readonly group?: string | null;
  /** The value of the metric whose round is looked for. */
  readonly target?: number | null;
}

/** Mean and sample standard deviation (null for one run) over `n` runs. */
export interface Summary {
  readonly mean: number;
  readonly sd: number | null;
  readonly n: number;
}

export interface GroupSummary {
  readonly label: string;
  /** The runs' names, and their seeds where they are known. */
  readonly runs: readonly string[];
  readonly seeds: readonly (number | null)[];
  /** Committed rounds of the shortest and of the longest run. */
  readonly rounds: { readonly min: number; readonly max: number };
  /** Of the last value of each run; null when no run has one. */
  readonly final: Summary | null;
  readonly best: Summary | null;
  /** Runs whose last value was no finite number: they are in neither. */
  readonly diverged: number;
  /** Rounds to the target over the runs that reached it; `median` is over all, null when half of them did not. */
  readonly toTarget: {
    readonly median: number | null;
    readonly min: number | null;
    readonly max: number | null;
    readonly reached: number;
  } | null;
  readonly bytesUp: Summary | null;
  /** Time of the rounds, s; in a simulation that of its world. */
  readonly seconds: Summary | null;
  /** The metric by round, where every run of the group has it: up to the end of the shortest. Null: a gap. */
  readonly curve: readonly { readonly round: number; readonly value: Summary | null }[];
}

export interface Comparison {
  readonly metric: string;
  readonly target: number | null;
  readonly groups: readonly GroupSummary[];
  /** What a reader should know before believing it, in sentences. */
  readonly notes: readonly string[];
}

/**
 * Compares groups of runs by one metric over their seeds.
 * @throws FederatedError BAD_ARGUMENT for a metric that no run has, or a group that cannot be told
 */
export function compareRuns(runs: readonly RunRecord[], options: CompareOptions = {}): Comparison {
  const { metric = 'eval/accuracy', group = null, target = null } = options;
  const known = [...new Set(runs.flatMap(tagsOf))].toSorted();
  if (known.length === 0) {
    throw new FederatedError(
      'BAD_ARGUMENT',
      'folders: in none of these runs has a round ended: there is nothing to compare',
    );
  }
  if (!known.includes(metric)) {
    const message = `--metric: no run has ${JSON.stringify(metric)}; choose one of ${known.join(', ')}`;
    throw new FederatedError('BAD_ARGUMENT', message);
  }
  const groups = groupRuns(runs, group);
  const summaries = groups.map((each) => summarise(each, metric, target));
  const notes = [
    ...summaries.flatMap((summary) => notesOf(summary, metric)),
    ...runs.flatMap(({ name, notes: all }) => all.map((note) => `${name}: ${note}`)),
  ];
  return { metric, target, groups: summaries, notes };
}

function summarise({ label, runs }: RunGroup, metric: string, target: number | null): GroupSummary {
  const lengths = runs.map((run) => committed(run).at(-1)?.round ?? 0);
  const diverged = runs.filter((run) => lastMeasured(run, metric)?.missing.includes(metric) === true);
  const sound = runs.filter((run) => !diverged.includes(run));
  const series = sound.map((run) => seriesOf(run, metric).map(({ value }) => value)).filter(({ length }) => length > 0);
  const best = isLoss(metric) ? Math.min : Math.max;
  return {
    label,
    runs: runs.map(({ name }) => name),
    seeds: runs.map(({ config }) => {
      const seed = fieldOf(config, 'seed');
      return typeof seed === 'number' ? seed : null;
    }),
    rounds: { min: Math.min(...lengths), max: Math.max(...lengths) },
    final: summary(series.map((values) => values.at(-1)!)),
    best: summary(series.map((values) => best(...values))),
    diverged: diverged.length,
    toTarget: target === null ? null : toTarget(runs, metric, target),
    bytesUp: summary(runs.flatMap((run) => total(run, 'bytes/up') ?? [])),
    seconds: summary(runs.flatMap((run) => total(run, 'time/round') || [])), // none where no time passes
    curve: curveOf(runs, metric),
  };
}

/** The last round in which the metric was measured, whatever came out. */
const lastMeasured = (run: RunRecord, metric: string) =>
  committed(run).findLast(({ values, missing }) => values[metric] !== undefined || missing.includes(metric));

const summary = (values: readonly number[]): Summary | null =>
  values.length === 0 ? null : { mean: mean(values), sd: sampleDeviation(values), n: values.length };

function toTarget(runs: readonly RunRecord[], metric: string, target: number): NonNullable<GroupSummary['toTarget']> {
  const rounds = runs.map((run) => roundsTo(run, metric, target));
  const reached = rounds.filter((round) => round !== null);
  // One that did not reach it within its rounds may need any number more: for the median it counts as infinite.
  const middle = median(rounds.map((round) => round ?? Infinity));
  return {
    median: Number.isFinite(middle) ? middle : null,
    min: reached.length === 0 ? null : Math.min(...reached),
    max: reached.length === 0 ? null : Math.max(...reached),
    reached: reached.length,
  };
}

/** A mean over fewer and fewer runs jumps where one ends: the curve ends with the first of them. */
function curveOf(runs: readonly RunRecord[], metric: string): GroupSummary['curve'] {
  const rounds = runs.map((run) => new Map(committed(run).map((each) => [each.round, each])));
  const ends = runs.map((run) => lastMeasured(run, metric)?.round ?? 0);
  const measured = new Set<number>();
  for (const run of runs) {
    for (const { round, values, missing } of committed(run)) {
      if (values[metric] !== undefined || missing.includes(metric)) measured.add(round);
    }
  }
  const end = Math.min(...ends);
  return [...measured]
    .filter((round) => round <= end)
    .toSorted((a, b) => a - b)
    .map((round) => {
      const values = rounds.flatMap((run) => run.get(round)?.values[metric] ?? []);
      return { round, value: values.length === runs.length ? summary(values) : null };
    });
}

function notesOf({ label, runs, seeds, rounds, final, diverged, curve }: GroupSummary, metric: string): string[] {
  const notes: string[] = [];
  const n = runs.length;
  if (n === 1) notes.push(`${label}: one run only, so there is no band and no deviation.`);
  const repeated = seeds.filter((seed, i) => seed !== null && seeds.indexOf(seed) !== i);
  if (repeated.length > 0) {
    notes.push(
      `${label}: seed ${[...new Set(repeated)].join(', ')} is there more than once; its runs are not independent.`,
    );
  }
  if (rounds.min !== rounds.max) {
    const end = curve.at(-1)?.round ?? 0;
    notes.push(
      `${label}: runs of ${rounds.min} to ${rounds.max} rounds; the line ends at round ${end}, and the last values are of different rounds.`,
    );
  }
  if (diverged > 0)
    notes.push(
      `${label}: ${diverged} of ${n} runs ended with a ${metric} that is no finite number; the figures leave them out.`,
    );
  const without = n - diverged - (final?.n ?? 0);
  if (without > 0) notes.push(`${label}: ${without} of ${n} runs never measured ${metric}, so there is no line.`);
  const gaps = curve.filter(({ value }) => value === null).length;
  if (gaps > 0) notes.push(`${label}: in ${gaps} rounds not every run has ${metric}; they are gaps in the line.`);
  return notes;
}
