import { parentPort, workerData } from 'node:worker_threads';
import { sliceExamples } from '../../shared/engine/batch-check.ts';
import { BatchReader } from '../../shared/engine/batches.ts';
import { createEngine } from '../../shared/engine/create-engine.ts';
import type { Engine, Examples } from '../../shared/engine/engine.ts';
import { trainLocally } from '../../shared/engine/training.ts';
import { asFederatedError, FederatedError } from '../../shared/errors.ts';
import type { EvaluateJob, PoolAnswer, PoolJob, PoolRequest, PoolSetup, Rows, TrainJob } from './messages.ts';

/** A thread of the pool: one engine, which every client's training takes turns on. */

const { model, backend, ...sets } = workerData as PoolSetup;
const aborts = new Map<number, AbortController>();

const answer = (message: PoolAnswer, transfer: ArrayBuffer[] = []): void => parentPort!.postMessage(message, transfer);

const setOf = ({ set }: Rows): PoolSetup['train'] => {
  const found = sets[set];
  if (found === null) throw new FederatedError('BAD_STATE', `pool: it was given no ${set} examples`);
  return found;
};

function examplesOf(rows: Rows): Examples {
  const set = setOf(rows);
  const { listed, from, to } = rows;
  if (!listed) return sliceExamples(set, from, to);
  return new BatchReader(set, to - from).read(set.lists, from, to);
}

/** Steps between two looks at the messages: an abort is rare, and each look costs a turn of the event loop. */
const yieldEvery = 64;

async function runTraining(engine: Engine, id: number, job: TrainJob): Promise<void> {
  const { rows, weights, plan, round, seed, adjust, into } = job;
  const set = setOf(rows);
  engine.setWeights(weights);
  const result = await trainLocally(engine, set, plan, {
    seed,
    round,
    adjust,
    before: weights,
    into,
    yieldEvery,
    signal: aborts.get(id)!.signal,
    ...(rows.listed ? { indices: set.lists.subarray(rows.from, rows.to) } : {}),
  });
  answer({ type: 'trained', id, result }, [result.delta.buffer as ArrayBuffer]);
}

async function runEvaluation(engine: Engine, id: number, { rows, weights, predicted }: EvaluateJob): Promise<void> {
  engine.setWeights(weights);
  answer({ type: 'measured', id, result: await engine.evaluate(examplesOf(rows), undefined, predicted) });
}

function run(engine: Engine, id: number, job: PoolJob): Promise<void> {
  switch (job.type) {
    case 'train':
      return runTraining(engine, id, job);
    case 'evaluate':
      return runEvaluation(engine, id, job);
    default:
      return job satisfies never;
  }
}

async function serve(engine: Engine, request: Exclude<PoolRequest, { type: 'abort' }>): Promise<void> {
  const { id } = request;
  try {
    await run(engine, id, request);
  } catch (thrown) {
    const { code, message } = asFederatedError(thrown, 'TRAINING_FAILED');
    answer({ type: 'failed', id, code, message });
  } finally {
    aborts.delete(id);
  }
}

try {
  const engine = await createEngine({ model, backend });
  let queue: Promise<void> = Promise.resolve();
  parentPort!.on('message', (request: PoolRequest) => {
    if (request.type === 'abort') return aborts.get(request.id)?.abort();
    aborts.set(request.id, new AbortController());
    queue = queue.then(() => serve(engine, request));
  });
  answer({ type: 'ready', backend: engine.backend });
} catch (thrown) {
  const { code, message } = asFederatedError(thrown);
  answer({ type: 'unable', code, message });
}
