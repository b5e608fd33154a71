import { toHex } from '../shared/bytes.ts';
import type { Examples } from '../shared/engine/engine.ts';
import { FederatedError } from '../shared/errors.ts';
import { sha256Id } from '../shared/ids.ts';
import type { MessageOf, ServerMessage } from '../shared/protocol/messages.ts';
import { modelLayout } from '../shared/tasks/model.ts';
import { defaultLimits } from '../shared/protocol/limits.ts';
import { canonicalJson, decodeTask, type Task } from '../shared/tasks/task.ts';
import { bytesFloats, floatBytes, layoutSize } from '../shared/weights.ts';
import { sumOfSquares } from '../shared/updates/norm.ts';
import { algorithmOf } from './algorithms/table.ts';
import type { BlobFetcher } from './blob-fetcher.ts';
import type { ClientData } from './data.ts';
import type { UpdateFacts } from './inspection.ts';
import type { UpdateKeeper } from './kept-update.ts';
import type { ModelCache } from './model-cache.ts';
import type { ClientPlatform } from './platform.ts';
import type { OwnState } from './own-state.ts';
import type { Job, KeptUpdate } from './session/types.ts';
import type { Trainer } from './trainer.ts';

/** Gives this device's private examples for a task. They never leave it. */
export type DataSource = (context: {
  readonly task: Task;
  readonly signal: AbortSignal;
}) => Promise<ClientData> | ClientData;

export interface JobWorkerOptions {
  readonly platform: Pick<ClientPlatform, 'clock' | 'randomBytes'>;
  readonly fetcher: Pick<BlobFetcher, 'fetch'>;
  readonly models: Pick<ModelCache, 'find' | 'remember'>;
  readonly keeper: UpdateKeeper;
  /** What algorithms keep on this device. */
  readonly own: OwnState;
  readonly trainer: Trainer;
  /** The examples for a task, in the form that its trainer takes. */
  readonly data: (context: Parameters<DataSource>[0]) => Promise<Examples>;
  /** Ask for the data before each round. */
  readonly liveData?: boolean;
  /** Whether anybody can look at what an update holds; default true. */
  readonly inspected?: boolean;
}

/** A blob as the server announces it. */
interface Blob {
  readonly sha256: string;
  readonly bytes: number;
}

/** A training: of a job, for the server of this public key (hex), with a seed for the order of the batches. */
export interface Training {
  readonly job: Job;
  readonly server: string;
  readonly seed: string;
  readonly signal: AbortSignal;
  /** At most once a second. @param fraction - 0 to 1 */
  readonly onProgress: (fraction: number) => void;
  /** How many of the planned local epochs this device does, 1 or more; default: all. */
  readonly epochsOf?: (planned: number) => number;
}

/** What a job takes: fetches its task and model, loads the data, trains, and keeps the update. */
export class JobWorker {
  readonly #options: JobWorkerOptions;
  #task: { readonly sha256: string; readonly task: Task } | null = null;
  /** The task whose data the trainer has. */
  #loaded: string | null = null;
  #fetched: {
    readonly key: string;
    readonly task: Task;
    readonly weights: Float32Array;
    readonly control: Float32Array | null;
  } | null = null;

  constructor(options: JobWorkerOptions) {
    this.#options = options;
  }

  /**
   * Fetches task and model, and loads the data.
   * @returns false when there are fewer examples than the task asks for
   * @throws FederatedError BAD_MODEL, BAD_TASK, BAD_DATA, NOT_SUPPORTED, BLOB_MISMATCH, CONNECTION_LOST, ...; whatever the
   *   source of data throws
   */
  async fetch(job: Job, signal: AbortSignal): Promise<boolean> {
    const { models, trainer, liveData = false } = this.#options;
    const [task, weights, control] = await Promise.all([
      this.#fetchTask({ sha256: job.task, bytes: job.taskBytes }, signal),
      this.#fetchWeights({ sha256: job.weights, bytes: job.weightsBytes }, signal),
      job.control === null ? null : this.#fetchWeights(job.control, signal),
    ]);
    signal.throwIfAborted();
    const expected = layoutSize(modelLayout(task.model));
    for (const each of [weights, control ?? weights]) {
      if (each.length === expected) continue;
      throw new FederatedError('BAD_MODEL', `the model has ${each.length} weights, its task says ${expected}`);
    }
    const { algorithm } = task.training;
    if (algorithmOf(algorithm).adjusts && trainer.adjusts !== true) {
      throw new FederatedError(
        'NOT_SUPPORTED',
        `training: this run's algorithm (${algorithm?.name}) changes the steps of the training, and this client's own trainer ` +
          'does not do that; take part with the built-in trainer',
      );
    }
    models.remember({ run: job.run, round: job.round - 1, sha256: sha256Id(job.weights), task, weights });
    const held = trainer.holds?.(task);
    if (held !== undefined) {
      if (held < task.training.minExamples) return false;
    } else if (this.#loaded !== job.task || liveData) {
      const examples = await this.#examples(task, signal);
      if (examples.count < task.training.minExamples) return false;
      await trainer.load(task, examples);
      this.#loaded = job.task;
      signal.throwIfAborted();
    }
    this.#fetched = { key: job.key, task, weights, control };
    return true;
  }

  /** Whether there are enough examples by now for the task that was fetched last. */
  async hasEnough(signal: AbortSignal): Promise<boolean> {
    const { task } = this.#task!;
    return (await this.#examples(task, signal)).count >= task.training.minExamples;
  }

  async #examples(task: Task, signal: AbortSignal): Promise<Examples> {
    const examples = await this.#options.data({ task, signal });
    signal.throwIfAborted();
    return examples;
  }

  /**
   * Trains what was fetched, and keeps the update.
   * @throws FederatedError TRAINING_FAILED, NO_BACKEND, ABORTED, BAD_STATE
   */
  async train({
    job,
    server,
    seed,
    signal,
    onProgress,
    epochsOf = (planned) => planned,
  }: Training): Promise<{ readonly update: KeptUpdate; readonly facts: UpdateFacts | null }> {
    const { platform, trainer, keeper, inspected = true } = this.#options;
    const fetched = this.#fetched;
    if (fetched?.key !== job.key) throw new FederatedError('BAD_STATE', 'training: fetch the model first');
    const { weights, control } = fetched;
    // Before the algorithm sees it: FedNova and SCAFFOLD count the steps that are taken.
    const task = withEpochs(fetched.task, epochsOf);
    const { key, run, round } = job;
    let lastProgress = platform.clock.steady();
    const progress = (fraction: number): void => {
      const now = platform.clock.steady();
      if (now - lastProgress < 1_000) return; // a message a second is enough
      lastProgress = now;
      onProgress(Math.min(1, Math.max(0, fraction)));
    };
    const spec = task.training.algorithm;
    const about = { run, algorithm: canonicalJson(spec ?? null) };
    const { update, examples, metrics, own } = await algorithmOf(spec).run({
      task,
      round,
      weights,
      control,
      own: spec === undefined ? null : await this.#options.own.of(about),
      train: ({ weights: from = weights, adjust, localEpochs = task.training.localEpochs, name } = {}) =>
        trainer.train({
          task: { ...task, training: { ...task.training, localEpochs } },
          weights: from,
          round,
          seed: name === undefined ? seed : `${seed}/${name}`,
          adjust,
          signal,
          onProgress: progress,
        }),
    });
    signal.throwIfAborted();
    await this.#options.own.hold(about, round, own).catch(() => {}); // a full disk: it is in memory
    const bytes = floatBytes(trainer.handsOver === true ? update : update.slice()); // `forget` overwrites it
    const upload = platform.randomBytes(16);
    const backend = trainer.backend.slice(0, 64);
    const trained: KeptUpdate = { key, run, round, upload, bytes: bytes.length, examples, metrics, backend };
    const facts = inspected ? factsOf(task, update, examples) : null;
    const kept = await keeper.keep(trained, bytes, { server, secure: job.plans !== null, facts });
    return { update: kept, facts };
  }

  /** This client's own form of a global model of a run, where the run's algorithm gives it one; else the global model. */
  async personal(run: string, task: Task, weights: Float32Array): Promise<Float32Array> {
    const spec = task.training.algorithm;
    const own = await this.#options.own.of({ run, algorithm: canonicalJson(spec ?? null) });
    return algorithmOf(spec).personal?.(task, weights, own) ?? weights;
  }

  /** Remembers the model that a run has ended with. */
  async keepFinal(message: MessageOf<ServerMessage, 'finished'>): Promise<void> {
    const { run, rounds, weights, weightsBytes = 0, task, taskBytes = 0 } = message;
    if (weights === undefined || task === undefined) return;
    const { signal } = new AbortController();
    const sha256 = sha256Id(toHex(weights));
    const known = await this.#fetchTask({ sha256: toHex(task), bytes: taskBytes }, signal);
    const floats = await this.#fetchWeights({ sha256, bytes: weightsBytes }, signal);
    this.#options.models.remember({ run, round: rounds, sha256, task: known, weights: floats });
  }

  /** Lets the trainer go, and the data with it. */
  async close(): Promise<void> {
    this.#loaded = null;
    this.#fetched = null;
    await this.#options.trainer.close();
  }

  async #fetchTask({ sha256, bytes }: Blob, signal: AbortSignal): Promise<Task> {
    if (this.#task?.sha256 === sha256) return this.#task.task;
    if (bytes > defaultLimits.maxTaskBytes) {
      const most = defaultLimits.maxTaskBytes; // JSON of a gigabyte would fill the memory and stop the page
      throw new FederatedError(
        'TOO_LARGE',
        `the server announced a task of ${bytes} bytes; this client takes at most ${most}`,
      );
    }
    const task = decodeTask(await this.#options.fetcher.fetch(sha256, bytes, signal));
    this.#task = { sha256, task };
    return task;
  }

  async #fetchWeights({ sha256, bytes }: Blob, signal: AbortSignal): Promise<Float32Array> {
    const { models, fetcher } = this.#options;
    return (await models.find(sha256)) ?? bytesFloats(await fetcher.fetch(sha256, bytes, signal));
  }
}

function factsOf(task: Task, update: Float32Array, examples: number): UpdateFacts {
  const tensors = modelLayout(task.model).map(({ name, shape }) => ({ name, shape }));
  return { tensors, examples, norm: Math.sqrt(sumOfSquares(update)) };
}

function withEpochs(task: Task, epochsOf: (planned: number) => number): Task {
  const planned = task.training.localEpochs;
  const localEpochs = epochsOf(planned);
  return localEpochs === planned ? task : { ...task, training: { ...task.training, localEpochs } };
}
