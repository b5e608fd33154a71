import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { modelCard } from '../server/export/model-card.ts';
import { safetensorsBytes } from '../server/export/safetensors.ts';
import { tfjsFiles, whyNotTfjs } from '../server/export/tfjs-files.ts';
import { openStore } from '../server/store/open.ts';
import type { BlobStore, Evaluation, Store, StoredRound, StoredRun } from '../server/store/store.ts';
import { asFederatedError, FederatedError } from '../shared/errors.ts';
import { runId, type Sha256 } from '../shared/ids.ts';
import { modelLayout } from '../shared/tasks/model.ts';
import { decodeTask } from '../shared/tasks/task.ts';
import { bytesFloats } from '../shared/weights.ts';
import { printJson, runAction, say } from './output.ts';

export interface ExportOptions {
  readonly dataDir: string;
  readonly run: string;
  /** `last`, `best` (by central evaluation: accuracy, else loss), or a number; 0 is the model before the first round. */
  readonly round: string;
  readonly format: 'tfjs' | 'safetensors' | 'all';
  /** Folder; made where it is missing. */
  readonly out: string;
}

export interface ExportResult {
  readonly run: string;
  readonly task: string;
  readonly round: number;
  readonly parameters: number;
  readonly accuracy: number | null;
  readonly loss: number | null;
  readonly weightsSha256: string;
  readonly out: string;
  readonly files: readonly string[];
}

/** `fedloom export RUN`: a model out of the server's data folder, also while the server runs. */
export function command(): Command {
  return new Command('export')
    .description('write a model as TensorFlow.js or safetensors')
    .argument('<run>', "the run's name (fedloom runs ls)")
    .option('--round <last|best|n>', 'which model', 'last')
    .addOption(new Option('--format <format>', 'which files').choices(['tfjs', 'safetensors', 'all']).default('all'))
    .option('--out <folder>', 'where the files go', './model')
    .option('--data-dir <folder>', "the server's data folder", './fedloom-data')
    .option('--json', 'one JSON object on stdout')
    .action((run: string, options: Omit<ExportOptions, 'run'> & { readonly json?: boolean }) =>
      runAction(options.json === true, async () => {
        const result = await writeExport({ ...options, run });
        if (options.json === true) return printJson(result);
        const measured = result.accuracy === null ? '' : `, accuracy ${result.accuracy.toFixed(4)}`;
        say(`${result.run}, round ${result.round}, ${result.parameters} parameters${measured}:`);
        for (const file of result.files) process.stdout.write(`${join(result.out, file)}\n`);
      }),
    );
}

/**
 * Writes a committed model and its card.
 * @throws FederatedError NOT_FOUND (run, round, folder), BAD_ARGUMENT, BAD_FILE (cannot be written), STORE_CORRUPT
 */
export async function writeExport({ dataDir, run: id, round, format, out }: ExportOptions): Promise<ExportResult> {
  const { store, blobs, close } = await openStore(dataDir, { lock: false });
  try {
    return await exportFrom(store, blobs, { run: id, round, format, out });
  } finally {
    await close();
  }
}

async function exportFrom(
  store: Store,
  blobs: BlobStore,
  { run: id, round, format, out }: Omit<ExportOptions, 'dataDir'>,
): Promise<ExportResult> {
  const run = await store.run(runId(id));
  const committed = (await store.rounds(run.id)).filter(({ record }) => record.result !== 'abandoned');
  const model = chooseModel(run, committed, round);
  const task = decodeTask(await blobs.get(run.task));
  const layout = modelLayout(task.model);
  const weights = bytesFloats(await blobs.get(model.weights));
  const accuracy = model.evaluation?.['accuracy'] ?? null;
  const loss = model.evaluation?.['loss'] ?? null;

  const files: Record<string, string | Uint8Array> = {};
  // Asked for everything, a model that TensorFlow.js has no layers for is written in the other format alone.
  const skipsTfjs = format === 'safetensors' || (format === 'all' && whyNotTfjs(task.model) !== null);
  if (!skipsTfjs) Object.assign(files, tfjsFiles(task, weights));
  if (format !== 'tfjs') {
    const metadata = { task: task.name, run: run.id, round: String(model.round), weightsSha256: model.weights };
    files['model.safetensors'] = safetensorsBytes(layout, weights, metadata);
  }
  const records = committed.map(({ record }) => record).filter(({ round }) => round <= model.round);
  const reports = records.flatMap((record) => record.reports);
  files['MODEL_CARD.md'] = modelCard({
    run: run.id,
    task,
    parameters: weights.length,
    round: model.round,
    strategy: run.config.strategy.name,
    seed: run.config.seed,
    clients: new Set(reports.map(({ client }) => client)).size,
    reports: reports.length,
    evaluation: model.evaluation,
    secureRounds: records.filter(({ secureAggregation }) => secureAggregation).length,
    weightsSha256: model.weights,
    files: Object.keys(files),
  });
  await writeAll(out, files);
  return {
    run: run.id,
    task: task.name,
    round: model.round,
    parameters: weights.length,
    accuracy,
    loss,
    weightsSha256: model.weights,
    out,
    files: Object.keys(files),
  };
}

interface ChosenModel {
  readonly round: number;
  readonly weights: Sha256;
  readonly evaluation: Evaluation | null;
}

const modelAfter = ({ record, evaluation }: StoredRound): ChosenModel => ({
  round: record.round,
  weights: record.weightsAfter,
  evaluation,
});
const score = ({ evaluation }: StoredRound): number => evaluation?.['accuracy'] ?? -(evaluation?.['loss'] ?? Infinity);

/** @param committed - the rounds that changed the model, in order */
function chooseModel(run: StoredRun, committed: readonly StoredRound[], wanted: string): ChosenModel {
  const initial: ChosenModel = {
    round: 0,
    weights: committed[0]?.record.weightsBefore ?? run.weights,
    evaluation: null,
  };
  if (wanted === 'last') return committed.length === 0 ? initial : modelAfter(committed.at(-1)!);
  if (wanted === 'best') {
    const measured = committed.filter(({ evaluation }) => evaluation !== null);
    const best = measured.toSorted((a, b) => score(b) - score(a))[0];
    if (best !== undefined) return modelAfter(best);
    throw new FederatedError('NOT_FOUND', `no round of ${run.id} was evaluated, so none is best; give --round last`);
  }
  if (!/^\d{1,9}$/.test(wanted)) {
    throw new FederatedError('BAD_ARGUMENT', `--round: expected last, best or a number, got ${JSON.stringify(wanted)}`);
  }
  if (Number(wanted) === 0) return initial;
  const found = committed.find(({ record }) => record.round === Number(wanted));
  if (found !== undefined) return modelAfter(found);
  throw new FederatedError(
    'NOT_FOUND',
    `${run.id} has no round ${wanted}; its last is ${committed.at(-1)?.record.round ?? 0}`,
  );
}

async function writeAll(folder: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  } catch (cause) {
    const { message } = asFederatedError(cause);
    throw new FederatedError('BAD_FILE', `the model cannot be written to ${folder}: ${message}`, { cause });
  }
}
