import type { Task } from '../../shared/tasks/task.ts';
import type { PredictAnswer, PredictRequest } from './predict-worker.ts';

/** The newest model, asked in a worker of its own, so that the page never waits. */
export class Predictor {
  readonly #worker = new Worker(new URL('./predict-worker.js', import.meta.url), { type: 'module' });
  readonly #waiting = new Map<number, (chances: Float32Array | null) => void>();
  #last = 0;

  constructor() {
    this.#worker.addEventListener('message', ({ data }: MessageEvent<PredictAnswer>) => {
      this.#waiting.get(data.id)?.(data.chances);
      this.#waiting.delete(data.id);
    });
  }

  use(task: Task, weights: Float32Array): void {
    this.#send({ type: 'model', task, weights });
  }

  /**
   * @param digits - [count, 784]
   * @returns [count, classes], or null before there is a model
   */
  predict(digits: Float32Array, count: number): Promise<Float32Array | null> {
    const id = ++this.#last;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#send({ type: 'predict', id, digits, count });
    });
  }

  #send(request: PredictRequest): void {
    this.#worker.postMessage(request);
  }
}
