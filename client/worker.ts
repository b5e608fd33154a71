import { asFederatedError } from '../shared/errors.ts';
import { LocalTrainer } from './local-training.ts';
import { ModuleTrainer } from './module-trainer.ts';
import type { Trainer } from './trainer.ts';
import type { WorkerAnswer, WorkerRequest } from './worker-messages.ts';

/**
 * `fedloom/worker`: the training worker. The same file is a worker thread of Node and a module worker of a browser; it
 * holds the data and the engine, and answers the messages of `worker-trainer.ts`.
 */

/** The two ends that a worker may have: Node's parentPort, or the global scope of a browser's worker. */
interface Parent {
  postMessage(message: WorkerAnswer, transfer: ArrayBuffer[]): void;
}
interface NodeParent extends Parent {
  on(event: 'message', listener: (request: WorkerRequest) => void): void;
}
interface BrowserScope extends Parent {
  addEventListener(type: 'message', listener: (event: { readonly data: WorkerRequest }) => void): void;
}
interface NodeModules {
  getBuiltinModule?(name: 'node:worker_threads'): { readonly parentPort: NodeParent | null };
}

// Not an import: a bundle for browsers must not hold the name of a module of Node.
const node = (globalThis as { readonly process?: unknown }).process as NodeModules | undefined;
const nodeParent = node?.getBuiltinModule?.('node:worker_threads').parentPort;
const parent: Parent = nodeParent ?? (globalThis as unknown as BrowserScope);
if (nodeParent) nodeParent.on('message', receive);
else (parent as BrowserScope).addEventListener('message', ({ data }) => receive(data));

let trainer: Trainer | null = null;
/** One request after the other; only an abort overtakes. */
let queue: Promise<void> = Promise.resolve();
const aborts = new Map<number, AbortController>();

const answer = (message: WorkerAnswer, transfer: ArrayBuffer[] = []): void => parent.postMessage(message, transfer);

function receive(request: WorkerRequest): void {
  if (request.type === 'abort') {
    aborts.get(request.id)?.abort();
    return;
  }
  aborts.set(request.id, new AbortController());
  queue = queue.then(() => serve(request));
}

async function serve(request: Exclude<WorkerRequest, { type: 'abort' }>): Promise<void> {
  const { id } = request;
  try {
    await (request.type === 'load' ? load(request) : train(request));
  } catch (thrown) {
    const { code, message } = asFederatedError(thrown, 'TRAINING_FAILED');
    answer({ type: 'failed', id, code, message });
  } finally {
    aborts.delete(id);
  }
}

async function load(request: Extract<WorkerRequest, { type: 'load' }>): Promise<void> {
  const { id, task, examples, backend, wasmPath, module } = request;
  trainer ??=
    module === undefined
      ? new LocalTrainer({ backend, ...(wasmPath === undefined ? {} : { wasmPath }) })
      : new ModuleTrainer(module);
  await trainer.load(task, examples);
  answer({ type: 'loaded', id, backend: trainer.backend });
}

async function train(request: Extract<WorkerRequest, { type: 'train' }>): Promise<void> {
  const { id, task, weights, round, seed, adjust } = request;
  const onProgress = (fraction: number): void => answer({ type: 'progress', id, fraction });
  const result = await trainer!.train({
    task,
    weights,
    round,
    seed,
    adjust,
    signal: aborts.get(id)!.signal,
    onProgress,
  });
  answer({ type: 'trained', id, result }, [result.delta.buffer as ArrayBuffer]);
}
