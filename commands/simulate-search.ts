import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { FederatedError } from '../shared/errors.ts';
import { loadOnce } from '../simulations/load-once.ts';
import { prepare } from '../simulations/prepare.ts';
import { formatValue } from '../simulations/reports/format.ts';
import { isLoss } from '../simulations/reports/headline.ts';
import { hyperband, successiveHalving, type Bracket } from '../simulations/search/brackets.ts';
import { search, type SearchResult } from '../simulations/search/search.ts';
import { parseSpace, settingsOf, type Settings } from '../simulations/search/space.ts';
import { bringTo } from '../simulations/search/trial-runs.ts';
import type { SimulationOptions } from '../simulations/simulate-options.ts';
import { checkSameRun, openRunsFolder } from '../simulations/simulation-folder.ts';
import { nameOf } from '../simulations/sweep.ts';
import { bold, dim, input, printJson, printTable, say } from './output.ts';
import { number } from './run-options.ts';
import { combinationFlags, simulationFrom, type SimulationFlags } from './simulate-options.ts';

/** `fedloom simulate --search`: the best settings of a range, by successive halving or Hyperband. */

export interface SearchFlags {
  readonly search?: string;
  readonly trials?: number;
  readonly eta?: number;
  readonly metric?: string;
}

export const addSearchFlags = (command: Command): Command =>
  command
    .option(
      '--search <settings>',
      'the best settings of ranges: "lr=log(0.001,1) local-epochs=int(1,5) batch-size=10,20 strategy.tau=log(1e-4,0.1)"',
    )
    .option('--trials <n>', 'search: settings to try, by successive halving (without it: Hyperband)', number)
    .option('--eta <n>', 'search: on each rung one in so many goes on, to so many times the rounds (3)', number)
    .option('--metric <tag>', 'search: what is to be best (eval/accuracy; eval/loss where there are no classes)');

interface Request {
  readonly search: string;
  readonly trials: number | undefined;
  readonly eta: number | undefined;
  readonly metric: string | undefined;
  readonly out: string | undefined;
  readonly json: boolean;
}

export async function runSearch(command: Command, settings: SimulationFlags, request: Request): Promise<void> {
  const { search: text, trials, eta = 3, out, json } = request;
  if (out === undefined) {
    throw new FederatedError('BAD_ARGUMENT', 'search: its trials go on from their folders; leave out --no-out');
  }
  const space = parseSpace(text);
  if (space.some(({ key }) => key === 'rounds' || key === 'seed')) {
    throw new FederatedError(
      'BAD_ARGUMENT',
      'search: rounds and seed are those of the whole search; give --rounds and --seed',
    );
  }
  const optionsOf = async (combination: Settings): Promise<SimulationOptions> =>
    simulationFrom({ ...settings, ...trialFlags(command, settings, combination) });
  const load = loadOnce();
  const first = await input(() => optionsOf(settingsOf(space, 0, 0)));
  const { seed = 1, rounds = 100 } = first;
  const { config, test } = await input(() => prepare({ ...first, rounds }, load)); // what no trial can do is said before the first begins
  const metric = request.metric ?? ('classes' in config.task.data.labels ? 'eval/accuracy' : 'eval/loss');
  await input(() => checkMetric(metric, test !== null && config.evaluateEvery > 0));
  const brackets = trials === undefined ? hyperband(rounds, eta) : [successiveHalving(trials, rounds, eta)];
  const about = { search: text, trials: trials ?? null, eta, rounds, seed, metric };
  await input(() => claim(out, about));

  const abort = new AbortController();
  const interrupt = (): void => abort.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    say(bold(planText(brackets)));
    const folderOf = (combination: Settings): string => join(out, nameOf(combination));
    const result = await search(
      { space, brackets, seed, isLoss: isLoss(metric) },
      async ({ settings: own }, upTo) => {
        const options = { ...(await optionsOf(own)), rounds, out: folderOf(own) };
        const failed = (error: FederatedError): void => say(dim(`  ${nameOf(own)} failed: ${error.message}`));
        const value = await bringTo(options, upTo, { metric, signal: abort.signal, load, onFailure: failed });
        say(`  ${nameOf(own)}  ${value === null ? 'no value' : formatValue(metric, value)}`);
        return value;
      },
      ({ bracket, rung, trials: left, rounds: upTo }) =>
        say(
          dim(
            `bracket ${bracket + 1}/${brackets.length}, rung ${rung + 1}: ${left} ${left === 1 ? 'trial' : 'trials'} to round ${upTo}`,
          ),
        ),
    );
    await writeFile(join(out, 'result.json'), `${JSON.stringify({ ...about, ...result }, null, 2)}\n`);
    if (json) return printJson({ ...about, out, brackets, ...named(result, folderOf) });
    show(result, metric, folderOf);
  } catch (error) {
    if (!abort.signal.aborted) throw error;
    throw new FederatedError('ABORTED', `the search was interrupted; the same command with --out ${out} goes on`);
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

/** A trial's settings as flags: those of the strategy go into its spec. */
function trialFlags(command: Command, { strategy }: SimulationFlags, combination: Settings): SimulationFlags {
  const inside = Object.entries(combination).filter(([key]) => key.startsWith('strategy.'));
  const plain = Object.fromEntries(Object.entries(combination).filter(([key]) => !key.startsWith('strategy.')));
  const flags = combinationFlags(command, plain, 'search');
  if (inside.length === 0) return flags;
  const base = flags.strategy ?? strategy ?? 'fedavg';
  if (typeof base !== 'string') {
    throw new FederatedError(
      'BAD_ARGUMENT',
      'search: strategy.…: give the strategy as a word, such as fedadam:lr=0.01',
    );
  }
  const options = inside.map(([key, value]) => `${key.slice('strategy.'.length)}=${value}`).join(',');
  return { ...flags, strategy: `${base}${base.includes(':') ? ',' : ':'}${options}` };
}

/** Makes sure that a folder is this search's. @throws FederatedError BAD_ARGUMENT, BAD_FILE */
async function claim(out: string, about: Readonly<Record<string, unknown>>): Promise<void> {
  const path = join(out, 'search.json');
  let there: string | null = null;
  try {
    there = await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new FederatedError('BAD_FILE', `${path}: ${(cause as Error).message}`, { cause });
    }
  }
  if (there !== null) return checkSameRun(out, JSON.parse(there) as Record<string, unknown>, about);
  await openRunsFolder(out);
  await writeFile(path, `${JSON.stringify(about, null, 2)}\n`);
}

function planText(brackets: readonly Bracket[]): string {
  const each = brackets.map((bracket) => bracket.map(({ trials, rounds }) => `${trials} x ${rounds}`).join(' > '));
  return `${brackets.length === 1 ? 'Successive halving' : 'Hyperband'}, trials x rounds: ${each.join('; ')}`;
}

const named = ({ trials, best }: SearchResult, folderOf: (settings: Settings) => string): object => ({
  best: best === null ? null : { ...best, out: folderOf(best.settings) },
  tried: trials,
});

function show({ trials, best }: SearchResult, metric: string, folderOf: (settings: Settings) => string): void {
  const byRounds = trials.toSorted((a, b) => {
    const [x, y] = [a.measured.at(-1)!, b.measured.at(-1)!];
    if (x.rounds !== y.rounds) return y.rounds - x.rounds;
    return (isLoss(metric) ? 1 : -1) * ((x.value ?? 0) - (y.value ?? 0));
  });
  printTable([
    ['SETTINGS', 'ROUNDS', metric],
    ...byRounds.map(({ settings, measured }) => {
      const { rounds, value } = measured.at(-1)!;
      return [nameOf(settings), String(rounds), value === null ? 'no value' : formatValue(metric, value)];
    }),
  ]);
  say(
    best === null
      ? 'No trial came to the end with a value.'
      : `Best: ${nameOf(best.settings)}, ${metric} ${formatValue(metric, best.value)}, in ${folderOf(best.settings)}`,
  );
}

const measuredKinds = ['eval', 'train', 'fairness', 'group', 'drift', 'attack', 'norm'];

/** What no round will measure is said before any is trained. */
function checkMetric(metric: string, isMeasured: boolean): void {
  const [kind = '', rest] = metric.split('/');
  if (rest === undefined || !measuredKinds.includes(kind)) {
    const known = measuredKinds.map((each) => `${each}/…`).join(', ');
    throw new FederatedError(
      'BAD_ARGUMENT',
      `--metric: expected a tag such as eval/loss (${known}), got ${JSON.stringify(metric)}`,
    );
  }
  if (kind === 'eval' && !isMeasured) {
    throw new FederatedError('BAD_ARGUMENT', `--metric: ${metric} is measured on test examples; give some with --test, and an --evaluate-every above 0`); // prettier-ignore
  }
}
