import type { Examples } from '../shared/engine/engine.ts';
import { FederatedError } from '../shared/errors.ts';
import type { Task } from '../shared/tasks/task.ts';
import type { Trainer, TrainRequest, TrainResult } from './trainer.ts';
import type { WorkerAnswer, WorkerPort, WorkerRequest } from './worker-messages.ts';

export interface WorkerTrainerOptions {
  /** Default `auto`. */
  readonly backend?: string;
  /** See `BackendOptions`. */
  readonly wasmPath?: string;
  /** Absolute URL of a module that exports `train`; it takes the engine's place. See `TrainingModule`. */
  readonly module?: string | URL;
}

interface Call {
  resolve(answer: WorkerAnswer): void;
  reject(error: FederatedError): void;
  progress(fraction: number): void;
}

type Unnumbered<T> = T extends unknown ? Omit<T, 'id'> : never;

/**
 * Training in a worker of its own, so that neither page nor socket ever waits for it. A worker that dies (out of memory,
 * a fault in a native part) fails the call in progress with TRAINING_FAILED; the next call starts a new worker and hands it
 * the data again.
 */
export class WorkerTrainer implements Trainer {
  readonly handsOver = true; // it comes from another thread
  readonly #spawn: () => WorkerPort;
  readonly #options: WorkerTrainerOptions;
  readonly #calls = new Map<number, Call>();
  #port: WorkerPort | null = null;
  #data: { readonly task: Task; readonly examples: Examples } | null = null;
  #backend: string;
  #last = 0;

  constructor(spawn: () => WorkerPort, options: WorkerTrainerOptions = {}) {
    this.#spawn = spawn;
    this.#options = options;
    this.#backend = options.module === undefined ? (options.backend ?? 'auto') : 'module';
  }

  /** Our engine does; a module of the user's own does not. */
  get adjusts(): boolean {
    return this.#options.module === undefined;
  }

  /** The backend that the worker chose, or what was asked for until data are loaded. */
  get backend(): string {
    return this.#backend;
  }

  async load(task: Task, examples: Examples): Promise<void> {
    this.#data = { task, examples }; // kept, for a worker that has to be replaced
    await this.#sendData(this.#port ?? this.#start());
  }

  async train({ task, weights, round, seed, adjust, signal, onProgress }: TrainRequest): Promise<TrainResult> {
    if (this.#data === null) throw new FederatedError('BAD_STATE', 'training: load the data first');
    let port = this.#port;
    if (port === null) {
      port = this.#start();
      await this.#sendData(port);
    }
    if (signal.aborted) throw new FederatedError('ABORTED', 'training: stopped before it began');
    const id = ++this.#last;
    const abort = (): void => port.post({ type: 'abort', id }, []);
    signal.addEventListener('abort', abort, { once: true });
    try {
      const copy = weights.slice(); // its memory moves to the worker, and the caller's must stay
      const request = { type: 'train', task, weights: copy, round, seed, adjust } as const;
      const answer = await this.#call(port, id, request, [copy.buffer], onProgress);
      return (answer as Extract<WorkerAnswer, { type: 'trained' }>).result;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async close(): Promise<void> {
    const port = this.#port;
    this.#data = null;
    this.#fail(new FederatedError('ABORTED', 'training: the trainer was closed'));
    await port?.terminate();
  }

  #start(): WorkerPort {
    const port = this.#spawn();
    this.#port = port;
    port.listen({
      message: (answer) => this.#receive(answer),
      died: (reason) => {
        if (this.#port !== port) return;
        this.#fail(new FederatedError('TRAINING_FAILED', `training: the worker died: ${reason}`));
        void port.terminate();
      },
    });
    return port;
  }

  async #sendData(port: WorkerPort): Promise<void> {
    const { backend = 'auto', wasmPath, module } = this.#options;
    const request = { type: 'load', ...this.#data!, backend, wasmPath, module: module?.toString() } as const;
    const answer = await this.#call(port, ++this.#last, request, [], () => {});
    this.#backend = (answer as Extract<WorkerAnswer, { type: 'loaded' }>).backend;
  }

  #call(
    port: WorkerPort,
    id: number,
    request: Unnumbered<WorkerRequest>,
    transfer: ArrayBuffer[],
    progress: (fraction: number) => void,
  ): Promise<WorkerAnswer> {
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject, progress });
      port.post({ ...request, id }, transfer);
    });
  }

  #receive(answer: WorkerAnswer): void {
    const call = this.#calls.get(answer.id);
    if (call === undefined) return;
    if (answer.type === 'progress') {
      call.progress(answer.fraction);
      return;
    }
    this.#calls.delete(answer.id);
    if (answer.type === 'failed') call.reject(new FederatedError(answer.code, answer.message));
    else call.resolve(answer);
  }

  /** Lets go of the worker and fails everything that waits for it. */
  #fail(error: FederatedError): void {
    this.#port = null;
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const call of calls) call.reject(error);
  }
}
