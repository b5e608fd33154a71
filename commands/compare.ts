import { resolve } from 'node:path';
import { Command } from 'commander';
import { FederatedError } from '../shared/errors.ts';
import { compareFigure } from '../simulations/reports/compare-figure.ts';
import { compareRuns, type GroupSummary, type Summary } from '../simulations/reports/compare.ts';
import { expandFolders } from '../simulations/reports/expand-folders.ts';
import { formatBytes, formatSeconds, formatValue } from '../simulations/reports/format.ts';
import { png } from '../simulations/reports/png.ts';
import { readFolder } from '../simulations/reports/read-folder.ts';
import { writeAll } from '../simulations/reports/write-report.ts';
import { input, printJson, printTable, runAction, say } from './output.ts';
import { number } from './run-options.ts';

interface Options {
  readonly metric: string;
  readonly group?: string;
  readonly target?: number;
  readonly out?: string;
  readonly json: boolean;
}

/** `fedloom compare DIR...`: groups of runs over their seeds, as a table and a figure. */
export const command = (): Command =>
  new Command('compare')
    .description('compare runs over their seeds: mean and deviation of each group, as a table and a figure')
    .argument('<folders...>', 'run folders, or folders of run folders')
    .option('--metric <tag>', 'what to compare', 'eval/accuracy')
    .option(
      '--group <setting>',
      'a setting such as strategy.name or alpha (all in which the runs differ, but the seed)',
    )
    .option('--target <value>', 'count the rounds to this value of the metric', number)
    .option('--out <file>', 'the figure: .svg, or .png with @resvg/resvg-js')
    .option('--json', 'one JSON object on stdout', false)
    .action((folders: string[], options: Options) => runAction(options.json, () => compare(folders, options)));

async function compare(folders: readonly string[], { metric, group, target, out, json }: Options): Promise<void> {
  if (out !== undefined && !/\.(svg|png)$/i.test(out)) {
    throw new FederatedError(
      'BAD_ARGUMENT',
      `--out: expected a name that ends in .svg or .png, got ${JSON.stringify(out)}`,
    );
  }
  const runs = await input(async () => {
    const read = [];
    for (const folder of await expandFolders(folders)) read.push(await readFolder(folder));
    return read;
  });
  const comparison = compareRuns(runs, { metric, group: group ?? null, target: target ?? null });
  if (out !== undefined) {
    const isPng = /\.png$/i.test(out);
    const svg = compareFigure(comparison, isPng ? { theme: 'light' } : {});
    const content = isPng ? await png(svg) : `${svg}\n`;
    await input(() => writeAll(new Map([[resolve(out), content]])));
  }
  if (json) return printJson({ ...comparison, out: out === undefined ? null : resolve(out) });
  const value = (summary: Summary | null): string => shown(summary, (each) => formatValue(metric, each));
  printTable([
    ['GROUP', 'RUNS', 'ROUNDS', 'FINAL', 'BEST', ...(target === undefined ? [] : ['TO TARGET']), 'SENT UP', 'TIME'],
    ...comparison.groups.map((each) => [
      each.label,
      String(each.runs.length),
      each.rounds.min === each.rounds.max ? String(each.rounds.min) : `${each.rounds.min}-${each.rounds.max}`,
      value(each.final),
      value(each.best),
      ...(target === undefined ? [] : [toTarget(each)]),
      each.bytesUp === null ? '-' : formatBytes(each.bytesUp.mean),
      each.seconds === null ? '-' : formatSeconds(each.seconds.mean),
    ]),
  ]);
  say(`${metric}: mean ± standard deviation over the runs of a group; bytes and time are means.`);
  for (const note of comparison.notes) say(note);
  if (out !== undefined) say(`Figure: ${resolve(out)}`);
}

const shown = (summary: Summary | null, format: (value: number) => string): string =>
  summary === null
    ? '-'
    : summary.sd === null
      ? format(summary.mean)
      : `${format(summary.mean)} ± ${format(summary.sd)}`;

/** Median and range, `87 [61, 120]`; with `(4 of 5)` where not all of the runs reached it, and `-` where half of them did not. */
function toTarget({ toTarget: found, runs }: GroupSummary): string {
  if (found === null || found.reached === 0) return 'not reached';
  const range = runs.length === 1 ? '' : ` [${found.min}, ${found.max}]`;
  const some = found.reached === runs.length ? '' : ` (${found.reached} of ${runs.length})`;
  return `${found.median ?? '-'}${range}${some}`;
}
