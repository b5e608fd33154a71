import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { RunFolder } from '../server/run-folder/run-folder.ts';
import { createServer, type FederatedServer } from '../server/server.ts';
import { FederatedError } from '../shared/errors.ts';
import { runId } from '../shared/ids.ts';
import { taskByName } from '../shared/tasks/catalog.ts';
import { loadData } from '../simulations/datasets/registry.ts';
import { readFolder } from '../simulations/reports/read-folder.ts';
import { writeReport } from '../simulations/reports/write-report.ts';
import { evaluationOf } from './evaluation-data.ts';
import { writeExport } from './export.ts';
import { bold, dim, printJson, runAction, say } from './output.ts';
import { Progress } from './progress.ts';
import { makeFolder } from '../server/store/make-folder.ts';

interface DemoOptions {
  readonly clients: number;
  readonly rounds: number;
  readonly seed: number;
  readonly lr: number;
  readonly batchSize: number;
  readonly targetAccuracy: number;
  readonly port: number;
  readonly out?: string;
  readonly stay: boolean;
  readonly json: boolean;
}

const whole = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('expected a whole number');
  return value;
};
const port = (text: string): number => {
  const value = whole(text);
  if (value > 65_535) throw new InvalidArgumentError('expected 0 to 65535');
  return value;
};
const positive = (text: string): number => {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('expected a number above 0');
  return value;
};

export const command = (): Command =>
  new Command('demo')
    .description('A server and ten client processes over encrypted WebSockets train one model on real digits.')
    .option('--clients <n>', 'client processes', whole, 10)
    .option('--rounds <n>', 'rounds', whole, 15)
    .option('--seed <n>', 'same seed, same model to the last bit', whole, 1)
    .option('--lr <x>', "the clients' learning rate", positive, 0.1)
    .option('--batch-size <n>', 'examples in a step', whole, 10)
    .option('--target-accuracy <x>', 'the accuracy whose round is reported', positive, 0.93)
    .option('--port <n>', 'port; 0 takes a free one', port, 0)
    .option('--out <dir>', 'folder of the result (./fedloom-demo/<date>)')
    .option('--stay', 'keep the page up until Ctrl-C', false)
    .option('--json', 'one JSON object on stdout', false)
    .action((options: DemoOptions) => runAction(options.json, () => demo(options)));

const dataSet = 'mnist-10k';
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

async function demo(options: DemoOptions): Promise<void> {
  const startedAt = Date.now();
  if (options.clients < 1 || options.rounds < 1)
    throw new FederatedError('BAD_ARGUMENT', 'demo: needs at least one client and one round');
  const out = resolve(
    options.out ?? join('fedloom-demo', new Date(startedAt).toISOString().replaceAll(':', '-').slice(0, 19)),
  );
  const dataDir = join(out, 'server');
  if (existsSync(dataDir)) {
    throw new FederatedError('BAD_ARGUMENT', `${out} holds an earlier demo; choose another folder with --out`);
  }
  await makeFolder(out);
  const base = taskByName('mnist-2nn');
  const training = { ...base.training, clientLearningRate: options.lr, batchSize: options.batchSize };
  const task = { ...base, data: { ...base.data, source: dataSet }, training };
  await loadData(`${dataSet}:0/${options.clients}`); // unpacks the digits once, before ten processes ask for them
  const evaluation = (await evaluationOf(task.data, `${dataSet}@test`))!;
  const server = await createServer({ dataDir, port: options.port, evaluate: evaluation.evaluate });
  const children: ChildProcess[] = [];
  const end = (): void => {
    for (const child of children) child.kill('SIGKILL');
  };
  process.once('exit', end);
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  for (const signal of signals) process.once(signal, interrupt);
  try {
    const id = runId('mnist-2nn-1');
    const finished = finish(server);
    await server.operations.create(
      { task, rounds: options.rounds, minClients: options.clients, minReports: options.clients, seed: options.seed },
      id,
    );
    const folder = await RunFolder.begin(out, id, server.operations, server.events, wordsOf(options));
    say();
    say(
      `  ${bold('fedloom demo')}  ${options.clients} clients, ${task.name}, ${options.rounds} rounds, seed ${options.seed}`,
    );
    say(`  Page   ${server.url}/?token=${server.adminToken}`);
    say(
      dim(
        `  Each client holds its own ${Math.floor(8_000 / options.clients)} digits; ${evaluation.examples} digits that no client holds measure the model.`,
      ),
    );
    say();
    follow(server, options.rounds);
    for (let i = 0; i < options.clients; i++) children.push(startClient(server.joinLink, i, options, out));
    const stopped = once(interrupted.signal, 'abort').then(() => {
      throw new FederatedError('ABORTED', 'the demo was interrupted before its last round; the clients are stopped');
    });
    const ended = Promise.all(children.map((child, i) => resultOf(child, i)));
    const [results] = await Promise.race([stopped, Promise.all([ended, finished])]);
    await folder.close();

    const view = await server.operations.run(id);
    const rounds = await server.operations.rounds(id);
    const model = join(out, 'model');
    const report = join(out, 'report.html');
    await writeReport(await readFolder(folder.path), { out: report, plots: join(out, 'plots') });
    await writeExport({ dataDir, run: id, round: 'last', format: 'all', out: model });
    const reached = rounds.find(({ evaluation: measured }) => (measured?.['accuracy'] ?? 0) >= options.targetAccuracy);
    const seconds = (Date.now() - startedAt) / 1000;
    const { up, down } = server.traffic();
    const result = {
      run: view.id,
      task: task.name,
      strategy: view.strategy,
      seed: options.seed,
      clients: options.clients,
      rounds: view.round,
      roundsToTarget: reached?.record.round ?? null,
      targetAccuracy: options.targetAccuracy,
      accuracy: view.evaluation?.['accuracy'] ?? null,
      loss: view.evaluation?.['loss'] ?? null,
      heldOut: evaluation.examples,
      reports: rounds.reduce((sum, { record }) => sum + record.reports.length, 0),
      parameters: view.parameters,
      bytesUp: up,
      bytesDown: down,
      seconds: Number(seconds.toFixed(2)),
      backend: [...new Set(results.map(({ backend }) => backend))].toSorted().join(', '),
      weightsSha256: view.weights,
      out,
      model,
      report,
      epsilon: null,
      secureAggregation: view.secureAggregation,
    };
    await writeFile(join(out, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
    if (options.json) printJson(result);
    say();
    say(
      `  ${bold(`Accuracy ${(100 * (result.accuracy ?? 0)).toFixed(2)} %`)} on ${evaluation.examples} digits that no client holds, after ${view.round} rounds and ${seconds.toFixed(1)} s.`,
    );
    say(`  Model  ${model}  (TensorFlow.js and safetensors)`);
    say(`  Report ${report}  (plots as SVG beside it)`);
    say(
      dim(
        `  Sent up: ${(up / 1e6).toFixed(1)} MB, encrypted. ${
          view.secureAggregation
            ? 'The server saw the sum of each round, and no single update: see SECURITY.md.'
            : 'The server saw EVERY SINGLE UPDATE: secure aggregation needs three clients.'
        }`,
      ),
    );
    if (options.stay) await stay(server);
  } finally {
    process.off('exit', end);
    for (const signal of signals) process.off(signal, interrupt);
    end();
    await server.close();
    await evaluation.close();
    if (!options.stay) await rm(join(out, 'clients'), { recursive: true, force: true });
  }
}

/** The command that gives the same model again. */
const wordsOf = ({ clients, rounds, seed, lr, batchSize }: DemoOptions): string[] =>
  [
    'fedloom',
    'demo',
    '--clients',
    clients,
    '--rounds',
    rounds,
    '--seed',
    seed,
    '--lr',
    lr,
    '--batch-size',
    batchSize,
  ].map(String);

function startClient(link: string, i: number, options: DemoOptions, out: string): ChildProcess {
  const cli = process.argv[1] ?? fileURLToPath(new URL('../cli.js', import.meta.url));
  const args = ['join', link, '--data', `${dataSet}:${i}/${options.clients}`, '--label', `client ${i + 1}`];
  // The seed of a client's batches goes by its part of the data, not by its identity, which is new each time.
  args.push('--seed', `${options.seed}-${i}`, '--state', join(out, 'clients', String(i + 1)), '--json');
  return spawn(process.execPath, [...process.execArgv, cli, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** What a client process said at its end. Rejects when it ended with an error. */
async function resultOf(child: ChildProcess, i: number): Promise<{ readonly backend: string }> {
  let out = '';
  let said = '';
  child.stdout!.on('data', (data: Buffer) => (out += data.toString()));
  child.stderr!.on('data', (data: Buffer) => (said = `${said}${data.toString()}`.slice(-2_000)));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (code === 0) return JSON.parse(out) as { backend: string };
  const last = said.trim().split('\n').at(-1);
  throw new FederatedError('INTERNAL', `client ${i + 1} ended with ${signal ?? `code ${code}`}: ${last}`);
}

function finish(server: FederatedServer): Promise<void> {
  return new Promise((resolve, reject) => {
    server.events.listen(({ type, data, message }) => {
      if (type !== 'run') return;
      if (data['state'] === 'finished') resolve();
      if (['failed', 'stopped', 'paused'].includes(String(data['state'])))
        reject(new FederatedError('BAD_STATE', message));
    });
  });
}

function follow(server: FederatedServer, rounds: number): void {
  let progress: Progress | null = null;
  server.events.listen(({ type, data }) => {
    if (type === 'round' && data['result'] === undefined) progress ??= new Progress(rounds);
    if (type !== 'evaluation' || typeof data['round'] !== 'number') return;
    const accuracy = Number(data['accuracy']);
    progress?.step(data['round'], `acc ${accuracy.toFixed(4)} loss ${Number(data['loss']).toFixed(4)}`);
  });
}

async function stay(server: FederatedServer): Promise<void> {
  say(`  The page stays up: ${server.url}/?token=${server.adminToken}   (Ctrl-C ends)`);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
}
