import { createEngine, type EngineOptions } from '../../../shared/engine/create-engine.ts';
import { sampleBatch } from '../../../shared/engine/sample-batch.ts';
import { trainLocally } from '../../../shared/engine/training.ts';
import { initialWeights } from '../../../shared/tasks/initial.ts';
import { checkTask } from '../../../shared/tasks/task.ts';

/** The same training for Node, a page and a worker. Plain data go in and out, since they cross the border of a page. */

const models = {
  dense: {
    input: [64],
    layers: [
      { type: 'dense', units: 20, activation: 'relu' },
      { type: 'dense', units: 20, activation: 'relu' },
      { type: 'dense', units: 10, activation: 'softmax' },
    ],
  },
  convolutional: {
    input: [8, 8, 1],
    layers: [
      { type: 'conv2d', filters: 4, kernelSize: 5, padding: 'same', activation: 'relu' },
      { type: 'maxPooling2d' },
      { type: 'conv2d', filters: 8, kernelSize: 5, padding: 'same', activation: 'relu' },
      { type: 'maxPooling2d' },
      { type: 'flatten' },
      { type: 'dense', units: 10, activation: 'softmax' },
    ],
  },
  recurrent: {
    input: [8],
    layers: [
      { type: 'embedding', inputDim: 10, outputDim: 4 },
      { type: 'lstm', units: 6 },
      { type: 'dense', units: 10, activation: 'softmax' },
    ],
  },
} as const;

const taskOf = (model: keyof typeof models) =>
  checkTask({
    format: 'fedloom-task-1',
    name: `test-${model}`,
    model: { ...models[model], loss: 'sparse-categorical-crossentropy' },
    data: { features: [...models[model].input], labels: { classes: 10 } },
    training: { localEpochs: 2, batchSize: 10, clientLearningRate: 0.1, optimizer: 'sgd' },
  });

export interface TrainingRequest extends Pick<EngineOptions, 'backend' | 'path' | 'wasmPath' | 'timeLimitMs'> {
  readonly model: keyof typeof models;
}

export interface TrainingAnswer {
  readonly backend: string;
  readonly path: string;
  /** Of three rounds. */
  readonly losses: readonly number[];
  /** The sum of the squares of the change. */
  readonly moved: number;
  /** What `auto` passed over, and why. */
  readonly refusals: Readonly<Record<string, string>>;
}

/** Three rounds on one client with 60 examples. */
export async function train({ model, ...options }: TrainingRequest): Promise<TrainingAnswer> {
  const task = taskOf(model);
  const refusals: Record<string, string> = {};
  const onRefusal = (name: string, reason: string): void => void (refusals[name] = reason);
  const engine = await createEngine({ model: task.model, onRefusal, ...options });
  try {
    const weights = initialWeights(task.model, 'browser test');
    engine.setWeights(weights);
    const examples = sampleBatch(task.model, 60);
    const losses: number[] = [];
    for (let round = 1; round <= 3; round++) {
      const { metrics } = await trainLocally(engine, examples, task.training, { seed: 7, round });
      losses.push(metrics.loss);
    }
    const after = await engine.getWeights();
    const moved = after.reduce((sum, value, i) => sum + (value - weights[i]!) ** 2, 0);
    return { backend: engine.backend, path: engine.path, losses, moved, refusals };
  } finally {
    engine.dispose();
  }
}
