import { Worker } from 'node:worker_threads';
import type { Measured } from '../../shared/engine/engine.ts';
import type { LocalUpdate } from '../../shared/engine/training.ts';
import { FederatedError } from '../../shared/errors.ts';
import { modelLayout } from '../../shared/tasks/model.ts';
import { bytesFloats, layoutSize } from '../../shared/weights.ts';
import { workerEntry } from '../../shared/worker-entry.ts';
import type { EvaluateJob, PoolAnswer, PoolJob, PoolSetup, Rows, TrainJob } from './messages.ts';
import { shared } from './shared-set.ts';

type Result = LocalUpdate | Measured;

interface Waiting {
  readonly id: number;
  readonly job: PoolJob;
  /** Smaller goes first. */
  readonly due: number;
  resolve(result: Result): void;
  reject(error: FederatedError): void;
}

interface Thread {
  readonly worker: Worker;
  readonly jobs: Map<number, Waiting>;
}

/** Jobs that a thread has at a time: one at work, and one ready so that it need not wait for messages. */
const ahead = 2;
/** Updates' memory that waits for the next training. */
const mostSpare = 64;
/** Examples that are measured at a time: fixed, so that the result does not depend on the number of threads. */
const slice = 1_000;

/**
 * Threads with one engine each, which train and measure for every client of a simulation in turn. The examples lie in shared
 * memory, so that a client is a list of indices and nothing more.
 */
export class TrainingPool {
  readonly backend: string;
  readonly #threads: Thread[];
  readonly #waiting: Waiting[] = [];
  readonly #spare: Float32Array[] = [];
  /** d */
  readonly #size: number;
  #last = 0;
  #flushing = false;
  #death: FederatedError | null = null;

  /**
   * @param threads - 1 or more
   * @throws FederatedError NO_BACKEND, BAD_MODEL
   */
  static async open(setup: PoolSetup, threads: number): Promise<TrainingPool> {
    const started: { worker: Worker; backend: string }[] = [];
    try {
      // The first one chooses the backend, for all: two that choose by their speed might differ.
      started.push(await start(setup));
      const { backend } = started[0]!;
      const others = Array.from({ length: threads - 1 }, () => start({ ...setup, backend }));
      for (const each of await Promise.allSettled(others)) {
        if (each.status === 'rejected') throw each.reason;
        started.push(each.value);
      }
      return new TrainingPool(
        started.map(({ worker }) => worker),
        backend,
        layoutSize(modelLayout(setup.model)),
      );
    } catch (error) {
      await Promise.all(started.map(({ worker }) => worker.terminate()));
      throw error;
    }
  }

  private constructor(workers: readonly Worker[], backend: string, size: number) {
    this.backend = backend;
    this.#size = size;
    this.#threads = workers.map((worker) => ({ worker, jobs: new Map() }));
    for (const thread of this.#threads) {
      thread.worker.on('message', (answer: PoolAnswer) => this.#receive(thread, answer));
      thread.worker.on('error', (error: Error) => this.#die(`a training thread died: ${error.message}`));
      thread.worker.on('exit', (code) => this.#die(`a training thread ended with code ${code}`));
      thread.worker.unref();
    }
  }

  /**
   * One client's local training.
   * @param due - jobs with a smaller one go first
   * @throws FederatedError ABORTED, TRAINING_FAILED; INTERNAL when a thread has died
   */
  train(job: Omit<TrainJob, 'type'>, due: number, signal: AbortSignal): Promise<LocalUpdate> {
    return this.#ask({ type: 'train', ...job, weights: shared(job.weights) }, due, signal) as Promise<LocalUpdate>;
  }

  /**
   * Takes the memory of an update that is no longer needed, for another. New memory for each would keep the garbage collectors of
   * all threads at work.
   */
  recycle(bytes: Uint8Array): void {
    if (
      bytes.byteLength !== 4 * this.#size ||
      !(bytes.buffer instanceof ArrayBuffer) ||
      bytes.buffer.byteLength !== bytes.byteLength
    )
      return;
    if (this.#spare.length < mostSpare) this.#spare.push(bytesFloats(bytes));
  }

  /** Loss and accuracy of one list of examples. */
  measure(job: Omit<EvaluateJob, 'type'>): Promise<Measured> {
    const asked = { type: 'evaluate', ...job, weights: shared(job.weights) } as const;
    return this.#ask(asked, Number.POSITIVE_INFINITY) as Promise<Measured>;
  }

  /**
   * Loss and accuracy on the whole of a set, by all threads at once; the same to the last bit for any number of them.
   * @param predicted - shared memory for the class that each example gets, length count
   */
  async evaluate(set: Rows['set'], count: number, weights: Float32Array, predicted?: Int32Array): Promise<Measured> {
    const parts = slicesOf(set, count);
    const common = shared(weights);
    const measured = await Promise.all(
      parts.map((rows) => this.measure({ rows, weights: common, predicted: predicted?.subarray(rows.from, rows.to) })),
    );
    const mean = (value: (each: Measured) => number): number =>
      measured.reduce((sum, each, i) => sum + value(each) * (parts[i]!.to - parts[i]!.from), 0) / count;
    const isRight = measured.every(({ accuracy }) => accuracy !== undefined);
    return { loss: mean(({ loss }) => loss), ...(isRight ? { accuracy: mean(({ accuracy }) => accuracy!) } : {}) };
  }

  async close(): Promise<void> {
    this.#fail(new FederatedError('ABORTED', 'simulation: ended before this training was done'));
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  #ask(job: PoolJob, due: number, signal?: AbortSignal): Promise<Result> {
    if (this.#death !== null) return Promise.reject(this.#death);
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      const entry = { id, job, due, resolve, reject };
      this.#waiting.splice(this.#placeOf(due), 0, entry);
      signal?.addEventListener('abort', () => this.#abort(entry), { once: true });
      if (this.#flushing) return;
      this.#flushing = true; // once all that are asked for now are here, so that the first due goes first
      setImmediate(() => {
        this.#flushing = false;
        this.#flush();
      });
    });
  }

  /** Behind all that are due no later. */
  #placeOf(due: number): number {
    let place = this.#waiting.length;
    while (place > 0 && this.#waiting[place - 1]!.due > due) place--;
    return place;
  }

  #flush(): void {
    for (let load = 0; load < ahead; load++) {
      for (const thread of this.#threads) {
        if (thread.jobs.size > load) continue;
        const next = this.#waiting.shift();
        if (next === undefined) return;
        if (thread.jobs.size === 0) thread.worker.ref();
        thread.jobs.set(next.id, next);
        this.#post(thread.worker, next);
      }
    }
  }

  #post(worker: Worker, { id, job }: Waiting): void {
    const into = job.type === 'train' ? this.#spare.pop() : undefined;
    if (into === undefined) worker.postMessage({ ...job, id });
    else worker.postMessage({ ...job, id, into }, [into.buffer as ArrayBuffer]);
  }

  #receive(thread: Thread, answer: PoolAnswer): void {
    if (!('id' in answer)) return;
    const entry = thread.jobs.get(answer.id);
    if (entry === undefined) return;
    thread.jobs.delete(answer.id);
    if (thread.jobs.size === 0) thread.worker.unref();
    this.#flush();
    if (answer.type === 'failed') entry.reject(new FederatedError(answer.code, answer.message));
    else entry.resolve(answer.result);
  }

  #abort(entry: Waiting): void {
    const place = this.#waiting.indexOf(entry);
    if (place >= 0) {
      this.#waiting.splice(place, 1);
      entry.reject(new FederatedError('ABORTED', 'training: stopped before it began'));
      return;
    }
    const { id } = entry;
    for (const { worker, jobs } of this.#threads) if (jobs.has(id)) worker.postMessage({ type: 'abort', id });
  }

  #die(reason: string): void {
    if (this.#death === null) this.#fail(new FederatedError('INTERNAL', `simulation: ${reason}`));
  }

  #fail(error: FederatedError): void {
    this.#death ??= error;
    const entries = [...this.#waiting.splice(0), ...this.#threads.flatMap(({ jobs }) => [...jobs.values()])];
    for (const { jobs } of this.#threads) jobs.clear();
    for (const { reject } of entries) reject(error);
  }
}

function slicesOf(set: Rows['set'], count: number): Rows[] {
  const parts: Rows[] = [];
  for (let from = 0; from < count; from += slice) {
    parts.push({ set, listed: false, from, to: Math.min(count, from + slice) });
  }
  return parts;
}

async function start(setup: PoolSetup): Promise<{ worker: Worker; backend: string }> {
  const { entry, eval: isCode } = workerEntry('./worker', import.meta.url);
  const worker = new Worker(entry, { eval: isCode, workerData: setup, name: 'fedloom-simulation' });
  const answer = await new Promise<PoolAnswer>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new FederatedError('INTERNAL', `a training thread ended with code ${code}`)));
  });
  if (answer.type === 'ready') return { worker, backend: answer.backend };
  await worker.terminate();
  if (answer.type === 'unable') throw new FederatedError(answer.code, answer.message);
  throw new FederatedError('INTERNAL', 'a training thread did not start');
}
