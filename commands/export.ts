import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { modelFiles, type ExportFormat } from '../server/export/model-files.ts';
import { openStore } from '../server/store/open.ts';
import { asFederatedError, FederatedError } from '../shared/errors.ts';
import { runId } from '../shared/ids.ts';
import { printJson, runAction, say } from './output.ts';
import { makeFolder } from '../server/store/make-folder.ts';

export interface ExportOptions {
  readonly dataDir: string;
  readonly run: string;
  /** `last`, `best` (by central evaluation: accuracy, else loss), or a number; 0 is the model before the first round. */
  readonly round: string;
  readonly format: ExportFormat;
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
    const model = await modelFiles(store, blobs, { run: runId(id), round, format });
    await writeAll(out, model.files);
    const { run, task, parameters, weightsSha256, evaluation } = model;
    return {
      run,
      task,
      round: model.round,
      parameters,
      accuracy: evaluation?.['accuracy'] ?? null,
      loss: evaluation?.['loss'] ?? null,
      weightsSha256,
      out,
      files: Object.keys(model.files),
    };
  } finally {
    await close();
  }
}

async function writeAll(folder: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  try {
    await makeFolder(folder);
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  } catch (cause) {
    const { message } = asFederatedError(cause);
    throw new FederatedError('BAD_FILE', `the model cannot be written to ${folder}: ${message}`, { cause });
  }
}
