import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { Command } from 'commander';
import { formatValue } from '../simulations/reports/format.ts';
import { headline } from '../simulations/reports/headline.ts';
import { isRunFolder } from '../simulations/reports/read-folder.ts';
import { csv } from '../simulations/reports/sinks/csv.ts';
import { logToMlflow } from '../simulations/reports/sinks/mlflow.ts';
import { eventFile } from '../simulations/reports/sinks/tensorboard.ts';
import { writeAll, writeReport } from '../simulations/reports/write-report.ts';
import { input, printJson, runAction, say } from './output.ts';
import { readRun } from './run-source.ts';
import { addTlsFlags, tlsFrom, type TlsFlags } from './tls-flags.ts';

interface Options extends TlsFlags {
  readonly out?: string;
  readonly plots?: string;
  readonly png: boolean;
  readonly csv?: string | true;
  readonly tensorboard?: string;
  readonly mlflow?: string;
  readonly mlflowExperiment: string;
  readonly dataDir: string;
  readonly json: boolean;
}

/** `fedloom report RUN|DIR`: a run as one HTML file and its plots, and where it is wanted as a table or for other tools. */
export const command = (): Command =>
  addTlsFlags(
    new Command('report')
      .description('a run as one HTML file with its plots; also as CSV, for TensorBoard and MLflow')
      .argument('<run>', "the run's folder, or its name (fedloom runs ls)")
      .option('--out <file>', "the HTML file (report.html in the run's folder; for a name, RUN-report.html here)")
      .option('--plots <folder>', 'the plots as SVG (plots beside the HTML file)')
      .option('--png', 'the plots as PNG, too; needs @resvg/resvg-js', false)
      .option('--csv [file]', 'a line a round, a column a measurement (metrics.csv beside the HTML file)')
      .option('--tensorboard <folder>', 'an event file for TensorBoard, in a folder of the run')
      .option('--mlflow <url>', 'log the run to an MLflow server; its token comes from MLFLOW_TRACKING_TOKEN')
      .option('--mlflow-experiment <name>', "MLflow's experiment", 'fedloom')
      .option('--data-dir <folder>', "the server's data folder", './fedloom-data'),
  )
    .option('--json', 'one JSON object on stdout', false)
    .action((run: string, options: Options) => runAction(options.json, () => report(run, options)));

async function report(runOrFolder: string, options: Options): Promise<void> {
  const run = await input(async () => readRun(runOrFolder, options.dataDir, await tlsFrom(options)));
  const beside = (await isRunFolder(runOrFolder)) ? join(runOrFolder, 'report.html') : `${run.name}-report.html`;
  const out = resolve(options.out ?? beside);
  const plots = resolve(options.plots ?? join(dirname(out), 'plots'));
  const files = await input(() => writeReport(run, { out, plots, withPng: options.png }));
  const further: string[] = [];
  if (options.csv !== undefined) {
    const file = resolve(options.csv === true ? join(dirname(out), 'metrics.csv') : options.csv);
    await input(() => writeAll(new Map([[file, csv(run)]]), 'csv'));
    further.push(file);
  }
  if (options.tensorboard !== undefined) {
    const { name, bytes } = eventFile(run);
    // Each run in a folder of its own: TensorBoard takes a folder for a run.
    const file = resolve(options.tensorboard, await runFolderName(runOrFolder, run.name), name);
    await input(() => writeAll(new Map([[file, bytes]]), 'tensorboard'));
    further.push(file);
  }
  const token = process.env['MLFLOW_TRACKING_TOKEN'];
  const mlflow =
    options.mlflow === undefined
      ? null
      : await logToMlflow(run, {
          url: options.mlflow,
          experiment: options.mlflowExperiment,
          now: Date.now(),
          ...(token === undefined ? {} : { token }),
        });
  const { rounds, metric, final, best } = headline(run);
  const written = [files.report, ...files.plots, ...further];
  if (options.json)
    return printJson({
      run: run.name,
      rounds,
      metric,
      final,
      best,
      ...files,
      files: written,
      mlflow,
      notes: run.notes,
    });
  for (const note of run.notes) say(note);
  const measured = metric === null || final === null ? '' : `, ${metric} ${formatValue(metric, final.value)}`;
  say(`${run.name}: ${rounds} rounds${measured}.`);
  if (mlflow !== null) say(`MLflow: experiment ${mlflow.experimentId}, run ${mlflow.runId}`);
  for (const file of written) process.stdout.write(`${file}\n`);
}

/** What TensorBoard shows a run as: the way to its folder from here, or its name. */
async function runFolderName(runOrFolder: string, name: string): Promise<string> {
  if (!(await isRunFolder(runOrFolder))) return name;
  const from = relative(process.cwd(), resolve(runOrFolder));
  return from === '' || from.startsWith('..') || isAbsolute(from) ? basename(resolve(runOrFolder)) : from;
}
