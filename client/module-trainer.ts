import type { Examples } from '../shared/engine/engine.ts';
import { checkExamples, firstNotFinite } from '../shared/engine/examples.ts';
import { asFederatedError, FederatedError } from '../shared/errors.ts';
import type { Task } from '../shared/tasks/task.ts';
import type { Trainer, TrainRequest, TrainResult } from './trainer.ts';

/** What a custom training module exports: `train`, in the place of our engine. */
export interface TrainingModule {
  train(
    request: TrainRequest & { readonly examples: Examples },
  ): Promise<Pick<TrainResult, 'delta'> & Partial<TrainResult>>;
}

/** Training by a module of the user's own. What it returns is checked like everything that comes from outside. */
export class ModuleTrainer implements Trainer {
  readonly backend = 'module';
  readonly #url: string;
  #module: TrainingModule | null = null;
  #examples: Examples | null = null;

  /** @param url - absolute, for example `new URL('./train.js', import.meta.url).href` */
  constructor(url: string) {
    this.#url = url;
  }

  /** @throws FederatedError BAD_DATA; TRAINING_FAILED when the module cannot be loaded */
  async load(task: Task, examples: Examples): Promise<void> {
    checkExamples(examples, task.data);
    this.#module ??= await importModule(this.#url);
    this.#examples = examples;
  }

  async train(request: TrainRequest): Promise<TrainResult> {
    if (this.#module === null || this.#examples === null) {
      throw new FederatedError('BAD_STATE', `training: load the data for task ${request.task.name} first`);
    }
    let result: Awaited<ReturnType<TrainingModule['train']>>;
    try {
      result = await this.#module.train({ ...request, examples: this.#examples });
    } catch (thrown) {
      if (request.signal.aborted) throw new FederatedError('ABORTED', 'training: stopped before its end');
      throw asFederatedError(thrown, 'TRAINING_FAILED');
    }
    return checkResult(this.#url, result, request.weights.length, this.#examples.count);
  }

  async close(): Promise<void> {
    this.#examples = null;
  }
}

async function importModule(url: string): Promise<TrainingModule> {
  let module: Partial<TrainingModule>;
  try {
    module = (await import(/* webpackIgnore: true */ /* @vite-ignore */ url)) as Partial<TrainingModule>;
  } catch (cause) {
    const why = asFederatedError(cause).message;
    throw new FederatedError('TRAINING_FAILED', `training module ${url} cannot be loaded: ${why}`, { cause });
  }
  if (typeof module.train !== 'function') {
    throw new FederatedError('TRAINING_FAILED', `training module ${url} exports no function "train"`);
  }
  return module as TrainingModule;
}

function checkResult(url: string, result: Partial<TrainResult> | undefined, size: number, count: number): TrainResult {
  const refuse = (what: string): never => {
    throw new FederatedError('TRAINING_FAILED', `training module ${url}: ${what}`);
  };
  const { delta, examples = count, metrics = {} } = result ?? {};
  if (!(delta instanceof Float32Array)) return refuse('train() must resolve to { delta: Float32Array }');
  if (delta.length !== size) refuse(`expected a delta of ${size} values, got ${delta.length}`);
  if (firstNotFinite(delta) >= 0) refuse('the delta has values that are not finite');
  if (!Number.isSafeInteger(examples) || examples < 1) refuse(`expected a number of examples, got ${examples}`);
  for (const [name, value] of Object.entries(metrics)) {
    if (!Number.isFinite(value)) refuse(`metric ${name} is not a finite number`);
  }
  return { delta: delta.slice(), examples, metrics }; // memory of its own, which the worker can give away
}
