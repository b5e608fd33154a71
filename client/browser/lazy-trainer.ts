import type { Examples } from '../../shared/engine/engine.ts';
import { FederatedError } from '../../shared/errors.ts';
import type { Task } from '../../shared/tasks/task.ts';
import type { LocalTrainerOptions } from '../local-training.ts';
import type { Trainer, TrainRequest, TrainResult } from '../trainer.ts';

/** Training in this thread, whose code is loaded with the first task: a client that never trains never pays for it. */
export class LazyTrainer implements Trainer {
  readonly #options: LocalTrainerOptions & { readonly module: string | undefined };
  #trainer: Trainer | null = null;

  /** @param options.module - absolute URL of a module with `train`, in the place of our engine */
  constructor(options: LocalTrainerOptions & { readonly module: string | undefined }) {
    this.#options = options;
  }

  /** Our engine does; a module of the user's own does not. */
  get adjusts(): boolean {
    return this.#options.module === undefined;
  }

  get backend(): string {
    const { module, backend = 'auto' } = this.#options;
    return this.#trainer?.backend ?? (module === undefined ? backend : 'module');
  }

  async load(task: Task, examples: Examples): Promise<void> {
    this.#trainer ??= await this.#make();
    await this.#trainer.load(task, examples);
  }

  train(request: TrainRequest): Promise<TrainResult> {
    if (this.#trainer === null) throw new FederatedError('BAD_STATE', 'training: load the data first');
    return this.#trainer.train(request);
  }

  async close(): Promise<void> {
    await this.#trainer?.close();
  }

  async #make(): Promise<Trainer> {
    const { module, ...options } = this.#options;
    if (module !== undefined) return new (await import('../module-trainer.ts')).ModuleTrainer(module);
    return new (await import('../local-training.ts')).LocalTrainer(options);
  }
}
