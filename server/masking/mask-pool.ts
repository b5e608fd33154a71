import * as crypto from 'node:crypto';
import { availableParallelism } from 'node:os';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { concat } from '../../shared/bytes.ts';
import { nativePrimitives } from '../../shared/crypto/native.ts';
import { usualGenerator, type GeneratorName } from '../../shared/crypto/primitives.ts';
import { FederatedError } from '../../shared/errors.ts';
import { applyMasksInParts } from '../../shared/vector/mask-parts.ts';
import { checkGenerator, checkKeys, checkModulusBits } from '../../shared/vector/masking.ts';
import { workerEntry } from '../../shared/worker-entry.ts';
import type { MaskAnswer, MaskJob } from './job.ts';

export interface MaskPoolOptions {
  /** 0 or more; without, as many as there are cores, but at most 4. With 0 everything is done on the calling thread. */
  readonly threads?: number;
  /** Starts one thread. */
  readonly spawn?: () => Worker;
}

/** Words times keys below which a thread is not worth its messages: some ten milliseconds of work. */
const worthThreads = 2 ** 22;

/** Words below which a vector is not divided further among threads. */
const fewestWords = 65_536;

/** Words of a part at most: 512 KiB, beside which opening the keystreams anew is little. */
const partWords = 131_072;

/** Words of a part, a multiple of 16, such that every thread has as many parts to do as every other. */
function partFor(words: number, threads: number): number {
  const parts = threads * Math.ceil(words / (threads * partWords));
  return 16 * Math.ceil(words / parts / 16);
}

/**
 * Adds and takes away many masks at once, in threads that all work on one vector in shared memory, with the platform's
 * generators. The threads start with the first call that needs them, stay, and do not keep the process alive when idle; one
 * that dies fails the call that it worked for and is replaced at the next.
 */
export class MaskPool {
  readonly #threads: number;
  readonly #spawn: () => Worker;
  readonly #keystreams = nativePrimitives(crypto).keystreams;
  #workers: MaskThread[] = [];
  /** Calls take turns: each has all threads. */
  #turn: Promise<void> = Promise.resolve();
  #isClosed = false;

  /** @throws FederatedError BAD_ARGUMENT */
  constructor({ threads = Math.min(4, availableParallelism()), spawn = spawnThread }: MaskPoolOptions = {}) {
    if (!Number.isInteger(threads) || threads < 0) {
      throw new FederatedError('BAD_ARGUMENT', `masking: threads are a whole number from 0, got ${threads}`);
    }
    this.#threads = threads;
    this.#spawn = spawn;
  }

  /**
   * words + the masks of `plus` - those of `minus`, modulo 2^M, in place; the same bits as `MaskAdder.apply`. Nobody else may
   * touch words or keys before it is done. A vector that does not lie in a SharedArrayBuffer, and one that is little work, is
   * done on the calling thread, in parts of a few milliseconds.
   * @param words - d words
   * @param modulusBits - M, 1 .. 32
   * @param plus - keys of 32 bytes, as those of `minus`; for the caller to overwrite afterwards
   * @param generator - of all of them
   * @throws FederatedError BAD_ARGUMENT or NOT_SUPPORTED, with the words unchanged; INTERNAL when a thread has died, and ABORTED when the pool
   *   is closed: the words are of no use then, and nobody writes to them any more
   */
  apply(
    words: Uint32Array,
    modulusBits: number,
    plus: readonly Uint8Array[],
    minus: readonly Uint8Array[],
    generator: GeneratorName = usualGenerator,
  ): Promise<void> {
    const call = this.#turn.then(() => this.#apply(words, modulusBits, plus, minus, generator));
    this.#turn = call.catch(() => {});
    return call;
  }

  /** Ends the threads; a call that is under way fails with ABORTED. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#workers.splice(0).map((thread) => thread.end('the pool was closed')));
  }

  async #apply(
    words: Uint32Array,
    modulusBits: number,
    plus: readonly Uint8Array[],
    minus: readonly Uint8Array[],
    generator: GeneratorName,
  ): Promise<void> {
    this.#checkOpen();
    checkModulusBits(modulusBits);
    checkGenerator(generator, this.#keystreams);
    checkKeys([...plus, ...minus]);
    const isShared = words.buffer instanceof SharedArrayBuffer;
    const work = words.length * (plus.length + minus.length);
    const threads = Math.min(this.#threads, Math.ceil(words.length / fewestWords));
    if (!isShared || threads === 0 || work < worthThreads) {
      const pause = async (): Promise<void> => {
        await turn();
        this.#checkOpen();
      };
      await applyMasksInParts(words, modulusBits, plus, minus, { generator, keystreams: this.#keystreams, pause });
      return;
    }
    this.#workers = this.#workers.filter((thread) => !thread.isDead);
    while (this.#workers.length < threads) this.#workers.push(new MaskThread(this.#spawn()));
    const next = new Int32Array(new SharedArrayBuffer(4));
    const part = partFor(words.length, threads);
    const faults = await Promise.all(
      this.#workers.slice(0, threads).map(async (thread) => {
        const keys = concat(...plus, ...minus);
        const fault = await thread.run({ words, modulusBits, generator, keys, plus: plus.length, part, next });
        if (fault !== null) Atomics.store(next, 0, 2 ** 30); // so that the others stop after the part they are at
        return fault;
      }),
    );
    this.#checkOpen();
    const fault = faults.find((each) => each !== null);
    if (fault !== undefined) throw new FederatedError('INTERNAL', `masking: ${fault}`);
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new FederatedError('ABORTED', 'masking: the pool is closed');
  }
}

function spawnThread(): Worker {
  const { entry, eval: isCode } = workerEntry('./worker', import.meta.url);
  return new Worker(entry, { eval: isCode, name: 'fedloom-masking' });
}

/** One thread, which has one job at a time. */
class MaskThread {
  readonly #worker: Worker;
  #answer: ((fault: string | null) => void) | null = null;
  #death: string | null = null;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', ({ fault }: MaskAnswer) => this.#done(fault));
    worker.on('error', (error: Error) => this.#die(`a thread died: ${error.message}`));
    worker.on('exit', (code) => this.#die(`a thread ended with code ${code}`));
    worker.unref();
  }

  get isDead(): boolean {
    return this.#death !== null;
  }

  /** @param job - its keys are moved to the thread. @returns null, or what went wrong; by then the thread writes no more */
  run(job: MaskJob): Promise<string | null> {
    if (this.#death !== null) return Promise.resolve(this.#death);
    return new Promise((answer) => {
      this.#answer = answer;
      this.#worker.ref();
      this.#worker.postMessage(job, [job.keys.buffer as ArrayBuffer]);
    });
  }

  async end(reason: string): Promise<void> {
    await this.#worker.terminate();
    this.#die(reason);
  }

  #die(reason: string): void {
    this.#death ??= reason;
    this.#done(this.#death);
  }

  #done(fault: string | null): void {
    this.#worker.unref(); // an idle thread does not keep the process alive
    this.#answer?.(fault);
    this.#answer = null;
  }
}
