import { createEngine } from '../../shared/engine/create-engine.ts';
import type { Engine } from '../../shared/engine/engine.ts';
import { canonicalJson, type Task } from '../../shared/tasks/task.ts';

/** Answers what the newest model thinks of a digit, beside the page. */

export type PredictRequest =
  | { readonly type: 'model'; readonly task: Task; readonly weights: Float32Array }
  | { readonly type: 'predict'; readonly id: number; readonly digits: Float32Array; readonly count: number };

export interface PredictAnswer {
  readonly id: number;
  /** [count, classes]; null before there is a model. */
  readonly chances: Float32Array | null;
}

const scope = globalThis as unknown as {
  postMessage(answer: PredictAnswer): void;
  addEventListener(type: 'message', listener: (event: { readonly data: PredictRequest }) => void): void;
};

let engine: Engine | null = null;
let model = '';
let queue: Promise<void> = Promise.resolve();

async function serve(request: PredictRequest): Promise<void> {
  if (request.type === 'model') {
    const wanted = canonicalJson(request.task.model);
    if (engine === null || wanted !== model) {
      engine?.dispose();
      engine = await createEngine({ model: request.task.model });
      model = wanted;
    }
    engine.setWeights(request.weights);
    return;
  }
  const { id, digits, count } = request;
  scope.postMessage({ id, chances: engine === null ? null : await engine.predict(digits, count) });
}

scope.addEventListener('message', ({ data }) => {
  queue = queue.then(() => serve(data)).catch((error: unknown) => console.error(error));
});
