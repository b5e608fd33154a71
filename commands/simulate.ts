import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { FederatedError } from '../shared/errors.ts';
import { loadOnce } from '../simulations/load-once.ts';
import { prepare, type Load } from '../simulations/prepare.ts';
import type { SimulatedRound, SimulationResult } from '../simulations/result.ts';
import { runSimulation } from '../simulations/run-simulation.ts';
import type { SimulationOptions } from '../simulations/simulate-options.ts';
import { openRunsFolder, SimulationFolder } from '../simulations/simulation-folder.ts';
import { combinations, nameOf, parseSweep } from '../simulations/sweep.ts';
import { asInputError, bold, dim, input, printJson, printTable, runAction, say } from './output.ts';
import { Progress } from './progress.ts';
import { addSearchFlags, runSearch, type SearchFlags } from './simulate-search.ts';
import {
  addSimulationFlags,
  combinationFlags,
  readSimulationFile,
  simulationFrom,
  type SimulationFlags,
} from './simulate-options.ts';

type Flags = Omit<SimulationFlags, 'out'> &
  SearchFlags & {
    /** False: nothing is written. */
    readonly out?: string | false;
    readonly config?: string;
    readonly sweep?: string;
    readonly resume: boolean;
    readonly json: boolean;
  };

export const command = (): Command => {
  const simulating = addSearchFlags(
    addSimulationFlags(
      new Command('simulate').description('Many clients on one machine, through the code of a deployment.'),
    ),
  )
    .option('--out <dir>', 'folder of the run (./fedloom-runs/<date>); an interrupted run in it goes on')
    .option('--no-out', 'write nothing')
    .option('--resume', 'only go on with a run that --out holds', false)
    .option('--sweep <settings>', 'a run for each combination: "lr=0.05,0.1 seed=1..3"')
    .option('-c, --config <file>', 'options as YAML; flags win')
    .option('--json', 'one JSON object on stdout', false)
    .addHelpText(
      'after',
      '\nThe folder ends with report.html and plots/. For other tools: fedloom report DIR --csv --tensorboard DIR --mlflow URL',
    );
  return simulating.action((flags: Flags) => runAction(flags.json, () => run(simulating, flags)));
};

async function run(simulating: Command, given: Flags): Promise<void> {
  const { config, sweep, search, trials, eta, metric, resume, json, ...flags } = given;
  const file = config === undefined ? {} : await input(() => readSimulationFile(config));
  const { out: asked, ...settings } = { ...file, ...withoutDefaults(flags) } as Flags;
  const out = asked === false ? undefined : (asked ?? join('fedloom-runs', stamp()));
  if (resume && (asked === undefined || out === undefined || !existsSync(out))) {
    const why = typeof asked === 'string' ? `; there is no ${asked}` : '';
    throw new FederatedError('BAD_ARGUMENT', `resume: give the folder of the run to go on with as --out${why}`);
  }
  if (search !== undefined) {
    if (sweep !== undefined) throw new FederatedError('BAD_ARGUMENT', 'search: give either --search or --sweep');
    return runSearch(simulating, settings, { search, trials, eta, metric, out, json });
  }
  const axes = sweep === undefined ? [] : parseSweep(sweep);
  const runs: { readonly name: string; readonly options: SimulationOptions; readonly command: string[] }[] = [];
  for (const combination of combinations(axes)) {
    const options = await input(() => simulationFrom({ ...settings, ...combinationFlags(simulating, combination) }));
    const name = nameOf(combination);
    const own = out === undefined ? undefined : join(out, name);
    const command = commandOf(process.argv.slice(2), combination, axes.length === 0 ? undefined : own);
    runs.push({ name, command, options: { ...options, ...(own === undefined ? {} : { out: own }) } });
  }
  const load = loadOnce();
  if (runs.length > 1) {
    // None begins before all are known to be good.
    await input(async () => {
      if (out !== undefined) await openRunsFolder(out);
      for (const { options } of runs) await prepare(options, load);
      for (const { options } of runs) if (options.out !== undefined) await SimulationFolder.open(options.out);
    });
  }
  const results: SimulationResult[] = [];
  for (const [i, { name, options, command }] of runs.entries()) {
    if (runs.length > 1) say(dim(`run ${i + 1}/${runs.length}  ${name}`));
    results.push(await runOne(options, load, command));
  }
  if (sweep === undefined) {
    if (json) printJson(results[0]);
    else show(results[0]!);
  } else if (json) printJson({ sweep, out: out ?? null, runs: results });
  else showAll(runs, results);
}

/** `--no-out` makes commander give `out` a default, which would win over the file's. */
const withoutDefaults = ({ out, ...flags }: Partial<Flags>): Partial<Flags> =>
  (out as unknown) === true ? flags : { ...flags, ...(out === undefined ? {} : { out }) };

/** The command of one run: that of a sweep with its settings and its folder in the place of the sweep's. */
function commandOf(
  args: readonly string[],
  combination: Readonly<Record<string, string>>,
  out: string | undefined,
): string[] {
  const gone = ['--sweep', ...(out === undefined ? [] : ['--out'])];
  const isGone = (word: string): boolean => gone.some((flag) => word === flag || word.startsWith(`${flag}=`));
  // The values of --sweep are all the words up to the next flag.
  let skips = false;
  const words = args.filter((word) => {
    if (word.startsWith('--')) skips = isGone(word);
    return !skips;
  });
  const settings = Object.entries(combination).flatMap(([key, value]) =>
    value === 'true' ? [`--${key}`] : value === 'false' ? [] : [`--${key}`, value],
  );
  return ['fedloom', ...words, ...settings, ...(out === undefined ? [] : ['--out', out])];
}

const stamp = (): string => new Date().toISOString().replaceAll(':', '-').slice(0, 19);

async function runOne(options: SimulationOptions, load: Load, command: readonly string[]): Promise<SimulationResult> {
  const abort = new AbortController();
  const interrupt = (): void => abort.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  let progress: Progress | null = null;
  let isPrepared = false;
  const onPrepared = (): void => void (isPrepared = true);
  try {
    const onRound = (round: SimulatedRound): void => {
      progress ??= new Progress(options.rounds ?? 100, { done: round.round - 1 });
      progress.step(round.round, textOf(round));
    };
    return (await runSimulation(options, { onRound, onPrepared, signal: abort.signal, load, command })).result;
  } catch (error) {
    if (!isPrepared) throw asInputError(error);
    if (!abort.signal.aborted || options.out === undefined) throw error;
    throw new FederatedError(
      'ABORTED',
      `the simulation was interrupted; the same command with --out ${options.out} goes on`,
    );
  } finally {
    (progress as Progress | null)?.end();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

function textOf({ result, accuracy, loss }: SimulatedRound): string {
  if (result === 'abandoned') return 'abandoned';
  if (loss === null) return result;
  return accuracy === null ? `loss ${loss.toFixed(4)}` : `acc ${accuracy.toFixed(4)} loss ${loss.toFixed(4)}`;
}

function show(result: SimulationResult): void {
  const { accuracy, loss, rounds, seconds, workers, backend, targetAccuracy, roundsToTarget, out } = result;
  const measured =
    accuracy !== null
      ? `Accuracy ${(100 * accuracy).toFixed(2)} %`
      : loss !== null
        ? `Loss ${loss.toFixed(4)}`
        : 'Done';
  say(`  ${bold(measured)} after ${rounds} rounds and ${seconds.toFixed(1)} s, ${workers} workers on ${backend}.`);
  if (targetAccuracy !== null) {
    say(
      `  Target ${targetAccuracy}: ${roundsToTarget === null ? 'not reached' : `reached in round ${roundsToTarget}`}.`,
    );
  }
  if (!result.secureAggregation) say(dim('  Without secure aggregation, as simulations are unless asked.'));
  say(dim(`  Weights ${result.weightsSha256}${out === null ? '' : `, run folder ${out}`}`));
}

function showAll(runs: readonly { readonly name: string }[], results: readonly SimulationResult[]): void {
  const cell = (value: number | null, digits: number): string => (value === null ? '' : value.toFixed(digits));
  printTable([
    ['run', 'rounds', 'to target', 'accuracy', 'loss', 'seconds'],
    ...results.map((result, i) => [
      runs[i]!.name,
      String(result.rounds),
      String(result.roundsToTarget ?? ''),
      cell(result.accuracy, 4),
      cell(result.loss, 4),
      cell(result.seconds, 1),
    ]),
  ]);
}
