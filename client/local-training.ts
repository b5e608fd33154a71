import { createEngine } from '../shared/engine/create-engine.ts';
import type { Engine, Examples } from '../shared/engine/engine.ts';
import { checkExamples, checkTargetsFor } from '../shared/engine/examples.ts';
import { trainLocally } from '../shared/engine/training.ts';
import { FederatedError } from '../shared/errors.ts';
import { checkTaskFits } from '../shared/tasks/fit.ts';
import { canonicalJson, type Task } from '../shared/tasks/task.ts';
import type { Trainer, TrainRequest, TrainResult } from './trainer.ts';

export interface LocalTrainerOptions {
  /** Default `auto`. */
  readonly backend?: string;
  /** See `BackendOptions`. */
  readonly wasmPath?: string;
  /** Steps between two pauses in which the thread can do other work; see `trainLocally`. */
  readonly yieldEvery?: number;
}

/**
 * Training in the thread that calls it: what the worker runs, and a fallback where there are no workers (the thread then
 * pauses every few steps, but does not rest).
 */
export class LocalTrainer implements Trainer {
  readonly adjusts = true;
  readonly handsOver = true;
  readonly #options: LocalTrainerOptions;
  #engine: Engine | null = null;
  #model = '';
  #examples: Examples | null = null;

  constructor(options: LocalTrainerOptions = {}) {
    this.#options = options;
  }

  /** The backend that was chosen, or what was asked for until data are loaded. */
  get backend(): string {
    return this.#engine?.backend ?? this.#options.backend ?? 'auto';
  }

  /** @throws FederatedError BAD_DATA, BAD_TASK, BAD_MODEL, NO_BACKEND */
  async load(task: Task, examples: Examples): Promise<void> {
    checkTaskFits(task);
    checkExamples(examples, task.data);
    checkTargetsFor(task.model.loss, examples);
    const model = canonicalJson(task.model);
    if (this.#engine === null || this.#model !== model) {
      await this.close();
      this.#engine = await createEngine({ model: task.model, ...this.#options });
      this.#model = model;
    }
    this.#examples = examples;
  }

  async train({ task, weights, round, seed, adjust, signal, onProgress }: TrainRequest): Promise<TrainResult> {
    if (this.#engine === null || this.#examples === null || this.#model !== canonicalJson(task.model)) {
      throw new FederatedError('BAD_STATE', `training: load the data for task ${task.name} first`);
    }
    this.#engine.setWeights(weights);
    const { yieldEvery } = this.#options;
    const pauses = yieldEvery === undefined ? {} : { yieldEvery };
    return trainLocally(this.#engine, this.#examples, task.training, {
      seed,
      round,
      adjust,
      signal,
      onProgress,
      ...pauses,
    });
  }

  async close(): Promise<void> {
    this.#engine?.dispose();
    this.#engine = null;
    this.#examples = null;
  }
}
