import type { SimulationOptions } from '../simulate-options.ts';

/** The options of a simulation that are plain data: what a file can say and a person can read. */
export interface ExperimentSettings extends Omit<
  SimulationOptions,
  'task' | 'data' | 'test' | 'partition' | 'seed' | 'workers' | 'transport' | 'backend' | 'out' | 'signal'
> {
  readonly task?: string;
  readonly data?: string;
  readonly test?: string;
  readonly partition?: string;
}

/** `rounds-to-target`, or a tag of `metrics.jsonl` (`eval/accuracy`, `fairness/p10`) whose value after the last round counts. */
export type Measure = string;

/** Something that has to be so for the claim to hold: of medians over the seeds. */
export interface Statement {
  readonly arm: string;
  readonly measure: Measure;
  readonly is: 'at most' | 'at least';
  /** A number, or another arm, whose number is taken `times` and `plus`. */
  readonly than: number | { readonly arm: string; readonly times?: number; readonly plus?: number };
}

/** What an experiment gave. */
export interface Numbers {
  /** What it ran on. */
  readonly machine: string;
  readonly seeds: readonly number[];
  /** For each arm the median of each measure over the seeds; null: half of the runs or more did not get there. */
  readonly medians: Readonly<Record<string, readonly (number | null)[]>>;
}

/** A published claim and the runs that try it. A plain object: what it says is all that is run. */
export interface Experiment {
  /** As on the command line. */
  readonly name: string;
  readonly title: string;
  /** One sentence or a few: what is said to be so. */
  readonly claim: string;
  /** Who says it: authors, title, place, and the table or section. */
  readonly source: string;
  /** The settings that all runs share. */
  readonly parameters: ExperimentSettings;
  /** The runs that are compared, by name, and in what each of them differs. In a matrix a name is `row / column`. */
  readonly arms: Readonly<Record<string, ExperimentSettings>>;
  /** What counts of each run; the first is the main one. */
  readonly measures: readonly [Measure, ...Measure[]];
  /** Published figures of the main measure, by arm. To hold, an arm has to be as good. */
  readonly expected: Readonly<Record<string, number>>;
  /** What else has to be so. */
  readonly holds: readonly Statement[];
  readonly seeds: readonly number[];
  /** Lines of a tag over the rounds, with a name for it, or a table of the main measure with a colour for each cell. */
  readonly figure:
    { readonly kind: 'lines'; readonly tag: string; readonly label?: string } | { readonly kind: 'matrix' };
  /** A form that takes seconds: it shows that the experiment runs, and is too small for the claim. */
  readonly quick: { readonly parameters: ExperimentSettings; readonly arms?: readonly string[] };
  /** What it gave here. Null: not run in this form. */
  readonly numbers: { readonly full: Numbers | null; readonly quick: Numbers | null };
  /** How long the full form takes, with all its seeds. */
  readonly takes: string;
  /** Where it differs from the source, and what a reader should know before believing it. */
  readonly notes: readonly string[];
}

/** A form of an experiment: all arms on everything, or a few on little. */
export type Form = 'full' | 'quick';

/** The settings of one arm in one form. */
export const settingsOf = (experiment: Experiment, arm: string, form: Form): ExperimentSettings & { task: string } => ({
  task: 'mnist-2nn',
  ...experiment.parameters,
  ...experiment.arms[arm],
  ...(form === 'quick' ? experiment.quick.parameters : {}),
});

/** The arms of one form, in order. */
export const armsOf = ({ arms, quick }: Experiment, form: Form): readonly string[] =>
  form === 'quick' && quick.arms !== undefined ? quick.arms : Object.keys(arms);

/** The command that runs it. */
export const commandOf = ({ name }: Pick<Experiment, 'name'>, form: Form = 'full'): string =>
  `fedloom experiment run ${name}${form === 'quick' ? ' --quick' : ''}`;
