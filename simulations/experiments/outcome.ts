import { isLoss } from '../reports/headline.ts';
import type { Experiment, Form, Measure, Statement } from './experiment.ts';

/** What the runs of an experiment come to, beside what was claimed. */

/** One run. */
export interface ArmRun {
  readonly arm: string;
  readonly seed: number;
  /** For each measure; null: not reached, or not measured. */
  readonly values: readonly (number | null)[];
}

export interface Verdict {
  /** `iid: rounds-to-target 34, at most 87 (published)` */
  readonly text: string;
  readonly holds: boolean;
}

export interface Outcome {
  readonly experiment: string;
  readonly form: Form;
  readonly seeds: readonly number[];
  readonly medians: Readonly<Record<string, readonly (number | null)[]>>;
  /** Of the full form; a quick one is too small to say anything. */
  readonly verdicts: readonly Verdict[];
  /** Where the experiment's file has other numbers for the same seeds: `iid: rounds-to-target 34 there, 36 here`. */
  readonly differences: readonly string[];
}

const lessIsBetter = (measure: Measure): boolean => measure === 'rounds-to-target' || isLoss(measure);

/** The middle value, where one that is missing is worse than all others; null where the middle is missing. */
export function medianOf(values: readonly (number | null)[], measure: Measure): number | null {
  const worst = lessIsBetter(measure) ? Infinity : -Infinity;
  const ascending = values.map((value) => value ?? worst).toSorted((a, b) => a - b);
  const middle = (ascending.length - 1) / 2;
  const median = (ascending[Math.floor(middle)]! + ascending[Math.ceil(middle)]!) / 2;
  return Number.isFinite(median) ? median : null;
}

export function outcomeOf(experiment: Experiment, form: Form, runs: readonly ArmRun[]): Outcome {
  const { name, measures, numbers } = experiment;
  const arms = [...new Set(runs.map(({ arm }) => arm))];
  const medians = Object.fromEntries(
    arms.map((arm) => {
      const own = runs.filter((run) => run.arm === arm);
      return [arm, measures.map((measure, i) => medianOf(own.map(({ values }) => values[i] ?? null), measure))]; // prettier-ignore
    }),
  );
  const seeds = [...new Set(runs.map(({ seed }) => seed))].toSorted((a, b) => a - b);
  const known = numbers[form];
  const isSame = known !== null && known.seeds.join() === seeds.join();
  return {
    experiment: name,
    form,
    seeds,
    medians,
    verdicts: form === 'quick' ? [] : statementsOf(experiment).flatMap(verdictOn(measures, medians)),
    differences: isSame ? differencesOf(measures, known.medians, medians) : [],
  };
}

/** What the published figures ask for, and what else has to be so. */
function statementsOf({ measures, expected, holds }: Experiment): (Statement & { readonly published: boolean })[] {
  const [measure] = measures;
  const is = lessIsBetter(measure) ? 'at most' : 'at least';
  return [
    ...Object.entries(expected).map(([arm, than]) => ({ arm, measure, is, than, published: true }) as const),
    ...holds.map((statement) => ({ ...statement, published: false })),
  ];
}

/** A verdict on a statement whose arms were run; none on others. */
const verdictOn =
  (measures: readonly Measure[], medians: Outcome['medians']) =>
  ({ arm, measure, is, than, published }: Statement & { readonly published: boolean }): Verdict[] => {
    const of = (name: string): number | null | undefined => medians[name]?.[measures.indexOf(measure)];
    const value = of(arm);
    const { times = 1, plus = 0 } = typeof than === 'number' ? {} : than;
    const base = typeof than === 'number' ? than : of(than.arm);
    if (value === undefined || base === undefined) return [];
    // What was never reached is worse than any number.
    const worst = lessIsBetter(measure) ? Infinity : -Infinity;
    const bound = (base ?? worst) * times + plus;
    const holds = value !== null && (is === 'at most' ? value <= bound : value >= bound);
    const change = `${times === 1 ? '' : ` x ${times}`}${plus === 0 ? '' : plus > 0 ? ` + ${plus}` : ` - ${-plus}`}`;
    const what = typeof than === 'number' ? String(than) : `${than.arm}'s ${shown(base)}${change}`;
    return [{ text: `${arm}: ${measure} ${shown(value)}, ${is} ${what}${published ? ' (published)' : ''}`, holds }];
  };

const shown = (value: number | null): string => (value === null ? 'not reached' : String(Number(value.toPrecision(4))));

function differencesOf(
  measures: readonly Measure[],
  there: Outcome['medians'],
  here: Outcome['medians'],
): readonly string[] {
  return Object.entries(here).flatMap(([arm, values]) =>
    values.flatMap((value, i) => {
      const known = there[arm]?.[i];
      // A file rounds to four digits.
      if (known === undefined || shown(known) === shown(value)) return [];
      return [`${arm}: ${measures[i]!} ${shown(known)} there, ${shown(value)} here`];
    }),
  );
}
