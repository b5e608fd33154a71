import { FederatedError } from '../../shared/errors.ts';
import type { RunId, Sha256 } from '../../shared/ids.ts';
import { modelLayout } from '../../shared/tasks/model.ts';
import { decodeTask } from '../../shared/tasks/task.ts';
import { bytesFloats } from '../../shared/weights.ts';
import type { BlobStore, Evaluation, Store, StoredRound, StoredRun } from '../store/store.ts';
import { scoreOf } from '../best-model.ts';
import { modelCard } from './model-card.ts';
import { safetensorsBytes } from './safetensors.ts';
import { tfjsFiles, whyNotTfjs } from './tfjs-files.ts';

export type ExportFormat = 'tfjs' | 'safetensors' | 'all';

export interface ModelWanted {
  readonly run: RunId;
  /** `last`, `best` (by central evaluation: accuracy, else loss), or a number; 0 is the model before the first round. */
  readonly round: string;
  readonly format: ExportFormat;
}

export interface ExportedModel {
  readonly run: RunId;
  readonly task: string;
  readonly round: number;
  readonly parameters: number;
  readonly evaluation: Evaluation | null;
  readonly weightsSha256: Sha256;
  /** By name: `model.json` and `weights.bin`, `model.safetensors`, `MODEL_CARD.md`. */
  readonly files: Readonly<Record<string, string | Uint8Array>>;
}

/**
 * A committed model as files, with its card.
 * @throws FederatedError NOT_FOUND (run, round), BAD_ARGUMENT, BAD_MODEL (not possible in this format), STORE_CORRUPT
 */
export async function modelFiles(
  store: Store,
  blobs: BlobStore,
  { run: id, round, format }: ModelWanted,
): Promise<ExportedModel> {
  const run = await store.run(id);
  const committed = (await store.rounds(run.id)).filter(({ record }) => record.result !== 'abandoned');
  const model = chooseModel(run, committed, round);
  const task = decodeTask(await blobs.get(run.task));
  const layout = modelLayout(task.model);
  if ((await blobs.size(model.weights)) === null && (await store.pruned(id)).has(model.weights)) {
    const message = `the model of round ${model.round} of ${id} was removed, since the run keeps its newest models only (keepModels)`;
    throw new FederatedError('NOT_FOUND', `${message}; ask for round last, best or 0, or a later one`);
  }
  const weights = bytesFloats(await blobs.get(model.weights));

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
  const { evaluation } = model;
  const about = { run: run.id, task: task.name, round: model.round, parameters: weights.length };
  return { ...about, evaluation, weightsSha256: model.weights, files };
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
    const best = measured.toSorted((a, b) => scoreOf(b.evaluation) - scoreOf(a.evaluation))[0];
    if (best !== undefined) return modelAfter(best);
    throw new FederatedError('NOT_FOUND', `no round of ${run.id} was evaluated, so none is best; ask for round last`);
  }
  if (!/^\d{1,9}$/.test(wanted)) {
    throw new FederatedError('BAD_ARGUMENT', `round: expected last, best or a number, got ${JSON.stringify(wanted)}`);
  }
  if (Number(wanted) === 0) return initial;
  const found = committed.find(({ record }) => record.round === Number(wanted));
  if (found !== undefined) return modelAfter(found);
  throw new FederatedError(
    'NOT_FOUND',
    `${run.id} has no round ${wanted}; its last is ${committed.at(-1)?.record.round ?? 0}`,
  );
}
