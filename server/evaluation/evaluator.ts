import { Worker } from 'node:worker_threads';
import type { Examples } from '../../shared/engine/engine.ts';
import { FederatedError } from '../../shared/errors.ts';
import type { ModelSpec } from '../../shared/tasks/model.ts';
import { workerEntry } from '../../shared/worker-entry.ts';
import type { EvaluationAnswer, EvaluationRequest, EvaluationSetup } from './messages.ts';

/** What a model does on the held-out examples. */
export type EvaluationResult = {
  /** Mean over the examples. */
  readonly loss: number;
  /** Part of the examples that is right; absent where the task has no classes. */
  readonly accuracy?: number;
  readonly examples: number;
};

interface Call {
  resolve(result: EvaluationResult): void;
  reject(error: FederatedError): void;
}

/**
 * Central evaluation, in a thread of its own: sockets do not wait for it, and TensorFlow.js is never loaded into the server's
 * own thread. The thread starts with the first evaluation and stays; one that dies fails what it was asked and is replaced at
 * the next evaluation.
 */
export class Evaluator {
  readonly #setup: EvaluationSetup;
  #worker: Worker | null = null;
  #calls: Call[] = [];

  /** @param examples - held out: of no client */
  constructor(examples: Examples, { backend = 'auto' }: { readonly backend?: string } = {}) {
    this.#setup = { examples: { xs: examples.xs, ys: examples.ys, count: examples.count }, backend };
  }

  /**
   * @param weights - length d; copied
   * @throws FederatedError BAD_MODEL, WRONG_SHAPE, BAD_DATA (the examples do not fit the model), NO_BACKEND, NOT_FINITE (the
   *   model gives no finite loss), ABORTED (closed before the answer), INTERNAL (the thread died)
   */
  async evaluate(model: ModelSpec, weights: Float32Array): Promise<EvaluationResult> {
    this.#worker ??= this.#start();
    const worker = this.#worker;
    const copy = weights.slice();
    return new Promise((resolve, reject) => {
      this.#calls.push({ resolve, reject });
      worker.ref();
      worker.postMessage({ model, weights: copy } satisfies EvaluationRequest, [copy.buffer]);
    });
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    this.#fail(new FederatedError('ABORTED', 'evaluation: closed before it was done'));
    await worker?.terminate();
  }

  #start(): Worker {
    const { entry, eval: isCode } = workerEntry('./worker', import.meta.url);
    const worker = new Worker(entry, { eval: isCode, workerData: this.#setup, name: 'fedloom-evaluation' });
    const died = (reason: string): void => {
      if (this.#worker === worker) this.#fail(new FederatedError('INTERNAL', `evaluation: the thread died: ${reason}`));
    };
    worker.on('message', (answer: EvaluationAnswer) => {
      if (this.#worker !== worker) return; // closed or replaced: its calls have failed already
      const call = this.#calls.shift();
      if (this.#calls.length === 0) worker.unref(); // an idle thread does not keep the process alive
      if (answer.type === 'failed') {
        call?.reject(new FederatedError(answer.code, answer.message));
      } else if (!Number.isFinite(answer.measured.loss)) {
        call?.reject(new FederatedError('NOT_FINITE', `evaluation: the model's loss is ${answer.measured.loss}`));
      } else {
        call?.resolve({ ...answer.measured, examples: this.#setup.examples.count });
      }
    });
    worker.on('error', (error: Error) => died(error.message));
    worker.on('exit', (code) => died(`it ended with code ${code}`));
    return worker;
  }

  #fail(error: FederatedError): void {
    this.#worker = null;
    const calls = this.#calls;
    this.#calls = [];
    for (const call of calls) call.reject(error);
  }
}
