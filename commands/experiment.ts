import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { FederatedError } from '../shared/errors.ts';
import { experimentByName, experiments } from '../simulations/experiments/catalog.ts';
import { armsOf, commandOf, type Experiment, type Form } from '../simulations/experiments/experiment.ts';
import type { Outcome } from '../simulations/experiments/outcome.ts';
import { pickArms, runExperiment } from '../simulations/experiments/run-experiment.ts';
import { openExperimentFolder, writeExperiment } from '../simulations/experiments/write.ts';
import { formatValue } from '../simulations/reports/format.ts';
import { parseSweep } from '../simulations/sweep.ts';
import { bold, dim, input, printJson, printTable, red, runAction, say } from './output.ts';
import { Progress } from './progress.ts';
import { whole } from './run-options.ts';

interface RunFlags {
  readonly seeds?: readonly number[];
  readonly arm?: readonly string[];
  readonly quick: boolean;
  readonly out?: string;
  readonly workers?: number;
  readonly json: boolean;
}

export const command = (): Command => {
  const experiment = new Command('experiment').description('published claims, and the simulations that try them');
  experiment
    .command('ls')
    .description('every experiment, what it came to, and how long it takes')
    .option('--json', 'one JSON object on stdout', false)
    .action(({ json }: { json: boolean }) => runAction(json, async () => list(json)));
  experiment
    .command('run')
    .description('runs an experiment, compares it with the claim, and writes a report and a figure')
    .argument('<name>', 'as fedloom experiment ls lists it')
    .option('--seeds <list>', "as in 1,2 or 1..3 (the experiment's own)", seedsFrom)
    .option('--arm <name>', 'only this arm; may be given several times', addTo)
    .option('--quick', 'a form that takes seconds: it shows that the experiment runs', false)
    .option('--out <dir>', 'folder of runs and report (./fedloom-experiments/<name>); runs in it are not made again')
    .option('--workers <n>', 'threads that train (one a core); the result does not depend on it', whole(1, 1_024))
    .option('--json', 'one JSON object on stdout', false)
    .action((name: string, flags: RunFlags) => runAction(flags.json, () => run(name, flags)));
  return experiment;
};

const addTo = (name: string, before: readonly string[] | undefined): string[] => [...(before ?? []), name];

function seedsFrom(text: string): number[] {
  try {
    const seeds = (parseSweep(`seed=${text}`)[0]?.values ?? []).map(Number);
    if (seeds.every((seed) => Number.isSafeInteger(seed) && seed >= 0)) return seeds;
  } catch {
    // said below
  }
  throw new InvalidArgumentError('expected whole numbers such as 1,2 or 1..3');
}

function list(json: boolean): void {
  if (json) {
    return printJson({
      experiments: experiments.map((each) => ({
        ...each,
        howToRun: commandOf(each),
        howToTry: commandOf(each, 'quick'),
      })),
    });
  }
  printTable([
    ['NAME', 'WHAT', 'RUNS', 'NUMBERS', 'TAKES'],
    ...experiments.map((each) => [
      each.name,
      each.title,
      String(armsOf(each, 'full').length * each.seeds.length),
      stateOf(each),
      each.takes,
    ]),
  ]);
}

/** `3 seeds`, or that there are none yet. */
function stateOf({ numbers: { full }, arms }: Experiment): string {
  if (full === null) return 'not run';
  const seeds = `${full.seeds.length} ${full.seeds.length === 1 ? 'seed' : 'seeds'}`;
  const some = Object.keys(full.medians).length;
  return some === Object.keys(arms).length ? seeds : `${seeds}, ${some} of ${Object.keys(arms).length} arms`;
}

async function run(
  name: string,
  { seeds: asked, arm: some, quick, out: folder, workers, json }: RunFlags,
): Promise<void> {
  const experiment = await input(() => experimentByName(name));
  const form: Form = quick ? 'quick' : 'full';
  const seeds = asked ?? (quick ? experiment.seeds.slice(0, 1) : experiment.seeds);
  const out = folder ?? join('fedloom-experiments', quick ? `${name}-quick` : name);
  pickArms(experiment, form, some);
  await input(() => openExperimentFolder(out, experiment, form));
  const abort = new AbortController();
  const interrupt = (): void => abort.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  let progress: Progress | null = null;
  const endProgress = (): void => {
    progress?.end();
    progress = null;
  };
  try {
    say(bold(experiment.title));
    if (!quick) say(dim(`It takes ${experiment.takes}; --quick shows in seconds that it runs.`));
    const { outcome, arms } = await runExperiment(experiment, {
      form,
      seeds,
      ...(some === undefined ? {} : { arms: some }),
      out,
      ...(workers === undefined ? {} : { workers }),
      signal: abort.signal,
      onRun(run) {
        endProgress();
        say(dim(`run ${run.number}/${run.of}  ${run.arm}, seed ${run.seed}`));
      },
      onRound({ round, accuracy, loss }, options) {
        progress ??= new Progress(options.rounds ?? 100, { done: round - 1 });
        const shown = accuracy ?? loss;
        progress.step(round, shown === null ? '' : `${accuracy === null ? 'loss' : 'acc'} ${shown.toFixed(4)}`);
      },
    });
    endProgress();
    const files = await writeExperiment(out, experiment, outcome, arms);
    if (json) return printJson({ ...outcome, out, files });
    show(experiment, outcome, files);
  } catch (error) {
    if (!abort.signal.aborted) throw error;
    throw new FederatedError('ABORTED', `the experiment was interrupted; the same command with --out ${out} goes on`);
  } finally {
    endProgress();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

function show(experiment: Experiment, outcome: Outcome, files: readonly string[]): void {
  const { measures, expected } = experiment;
  const [main] = measures;
  const cell = (measure: string, value: number | null | undefined): string =>
    value === undefined ? '' : value === null ? 'not reached' : formatValue(measure, value);
  const isPublished = Object.keys(expected).length > 0;
  printTable([
    ['RUN', ...measures, ...(isPublished ? ['published'] : [])],
    ...Object.entries(outcome.medians).map(([arm, values]) => [
      arm,
      ...measures.map((measure, i) => cell(measure, values[i])),
      ...(isPublished ? [cell(main, expected[arm])] : []),
    ]),
  ]);
  const over = outcome.seeds.length === 1 ? `Seed ${outcome.seeds[0]}.` : `Medians over ${outcome.seeds.length} seeds.`;
  say(outcome.form === 'quick' ? `${over} The quick form is too small to say anything about the claim.` : over);
  for (const { text, holds } of outcome.verdicts) say(holds ? `  holds  ${text}` : red(`  does not hold  ${text}`));
  for (const difference of outcome.differences) say(`  other than in this version's file: ${difference}`);
  for (const file of files) process.stdout.write(`${file}\n`);
}
