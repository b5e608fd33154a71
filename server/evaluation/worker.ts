import { parentPort, workerData } from 'node:worker_threads';
import { createEngine } from '../../shared/engine/create-engine.ts';
import type { Engine, Measured } from '../../shared/engine/engine.ts';
import { asFederatedError } from '../../shared/errors.ts';
import { canonicalJson } from '../../shared/tasks/task.ts';
import type { EvaluationAnswer, EvaluationRequest, EvaluationSetup } from './messages.ts';

/** The evaluation thread: holds the examples and the engine of the last model. */

const { examples, backend } = workerData as EvaluationSetup;
let engine: Engine | null = null;
let shape = '';
let queue: Promise<void> = Promise.resolve();

async function evaluate({ model, weights }: EvaluationRequest): Promise<Measured> {
  const wanted = canonicalJson(model);
  if (engine === null || shape !== wanted) {
    engine?.dispose();
    engine = null;
    engine = await createEngine({ model, backend });
    shape = wanted;
  }
  engine.setWeights(weights);
  return engine.evaluate(examples);
}

async function serve(request: EvaluationRequest): Promise<void> {
  let answer: EvaluationAnswer;
  try {
    answer = { type: 'measured', measured: await evaluate(request) };
  } catch (thrown) {
    const { code, message } = asFederatedError(thrown);
    answer = { type: 'failed', code, message };
  }
  parentPort!.postMessage(answer);
}

parentPort!.on('message', (request: EvaluationRequest) => {
  queue = queue.then(() => serve(request));
});
