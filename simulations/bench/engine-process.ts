import { gemm, gemmScratch, rowMajor } from '../../shared/engine/kernels/gemm.ts';
import { loadKernels } from '../../shared/engine/kernels/load.ts';
import { createEngine } from '../../shared/engine/create-engine.ts';
import type { Examples } from '../../shared/engine/engine.ts';
import { tfjsFiles } from '../../server/export/tfjs-files.ts';
import { seeded } from '../../shared/random.ts';
import { initialWeights } from '../../shared/tasks/initial.ts';
import { losses, outputShape, type ModelSpec } from '../../shared/tasks/model.ts';
import type { Task } from '../../shared/tasks/task.ts';
import { sizeOf } from '../../shared/weights.ts';
import { median } from './report.ts';

/**
 * One engine of the engine benchmark, in a process of its own: our kernels, once registered, would speed up the stock
 * TensorFlow.js beside them. Started by `engine.ts`, which talks to it by IPC.
 */

export type EngineVariant = 'stock' | 'graph' | 'fused';

export interface EngineTask {
  readonly variant: EngineVariant;
  readonly task: Task;
  readonly batchSize: number;
}

/** ms of one measurement. */
export interface EngineRequest {
  readonly ms: number;
}

export type EngineSample =
  | { readonly type: 'ready' }
  /** Median examples a second. */
  | { readonly type: 'measured'; readonly value: number }
  /** GFLOP/s of a product of two 512 x 512 matrices. */
  | { readonly type: 'product'; readonly value: number }
  | { readonly type: 'failed'; readonly reason: string };

const learningRate = 0.01;
/** Sizes of the product's three sides. */
const side = 512;

/** Random examples that fit a model. */
export function randomExamples(model: ModelSpec, count: number): Examples {
  const random = seeded('bench', count);
  const [first] = model.layers;
  const vocabulary = first?.type === 'embedding' ? first.inputDim : null;
  const output = outputShape(model);
  const classes = output.at(-1)!;
  const xs = Float32Array.from({ length: count * sizeOf(model.input) }, () =>
    vocabulary === null ? random.float() : random.below(vocabulary),
  );
  const places = (count * sizeOf(output)) / classes;
  const ys =
    losses[model.loss].reads === 'labels'
      ? Int32Array.from({ length: places }, () => random.below(classes))
      : Float32Array.from({ length: count * sizeOf(output) }, () => random.float());
  return { xs, ys, count };
}

/** One training step, and a wait for all that it started. */
interface Stepper {
  step(): void | Promise<void>;
  finish(): Promise<void>;
}

async function ourStepper(path: 'fused' | 'graph', { model }: Task, batchSize: number): Promise<Stepper> {
  const engine = await createEngine({ model, backend: 'wasm', path });
  engine.setWeights(initialWeights(model, 1));
  const batch = randomExamples(model, batchSize);
  return {
    step: () => engine.step(batch, learningRate),
    finish: async () => void (await engine.takeLoss()),
  };
}

/** What a user of TensorFlow.js has: its layers, its wasm backend as it comes, and `trainOnBatch`. */
async function stockStepper(task: Task, batchSize: number): Promise<Stepper> {
  const tf = await import('@tensorflow/tfjs-core');
  const { loadLayersModel } = await import('@tensorflow/tfjs-layers');
  await import('@tensorflow/tfjs-backend-wasm');
  await tf.setBackend('wasm');
  const { 'model.json': json, 'weights.bin': bytes } = tfjsFiles(task, initialWeights(task.model, 1));
  const { modelTopology, weightsManifest } = JSON.parse(json) as {
    modelTopology: object;
    weightsManifest: { weights: { name: string; shape: number[]; dtype: 'float32' }[] }[];
  };
  const weightData = bytes.slice().buffer as ArrayBuffer;
  const weightSpecs = weightsManifest[0]!.weights;
  const model = await loadLayersModel({ load: async () => ({ modelTopology, weightSpecs, weightData }) });
  model.compile({ optimizer: tf.train.sgd(learningRate), loss: 'sparseCategoricalCrossentropy' });
  const { xs, ys } = randomExamples(task.model, batchSize);
  const x = tf.tensor(xs, [batchSize, ...task.model.input]);
  const places = outputShape(task.model).slice(0, -1);
  const y = tf.tensor(ys, [batchSize, ...places, 1], 'float32');
  return { step: async () => void (await model.trainOnBatch(x, y)), finish: async () => {} };
}

async function stockProduct(): Promise<number> {
  const tf = await import('@tensorflow/tfjs-core');
  const [a, b] = [tf.randomUniform([side, side]), tf.randomUniform([side, side])];
  return gigaflops(() => tf.matMul(a, b).dispose());
}

async function ourProduct(): Promise<number> {
  const memory = new WebAssembly.Memory({ initial: 256 });
  const kernels = await loadKernels(memory);
  const size = 4 * side * side;
  const scratch = 4 * size;
  memory.grow(Math.ceil((4 * gemmScratch(side, side, side)) / 65_536));
  return gigaflops(() =>
    gemm(kernels, 0, [side, side, side], rowMajor(size, side), rowMajor(2 * size, side), { scratch }),
  );
}

function gigaflops(run: () => void): number {
  const times = Array.from({ length: 15 }, () => {
    const start = performance.now();
    run();
    return performance.now() - start;
  });
  return (2 * side ** 3) / median(times) / 1e6;
}

process.once('message', (task: EngineTask) => {
  serve(task).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    send({ type: 'failed', reason: reason.split('\n', 1)[0]! });
  });
});

const send = (sample: EngineSample): void => void process.send!(sample);

async function serve({ variant, task, batchSize }: EngineTask): Promise<void> {
  process.on('disconnect', () => process.exit(0));
  const make = variant === 'stock' ? stockStepper(task, batchSize) : ourStepper(variant, task, batchSize);
  const stepper = await make;
  for (let i = 0; i < 3; i++) await stepper.step();
  await stepper.finish();
  process.on('message', (request: EngineRequest | 'product') => {
    if (request === 'product') void product(variant);
    else void measure(stepper, batchSize, request.ms);
  });
  send({ type: 'ready' });
}

const product = async (variant: EngineVariant): Promise<void> =>
  send({ type: 'product', value: await (variant === 'stock' ? stockProduct() : ourProduct()) });

async function measure(stepper: Stepper, batchSize: number, ms: number): Promise<void> {
  const times: number[] = [];
  const end = performance.now() + ms;
  while (times.length < 5 || performance.now() < end) {
    const start = performance.now();
    await stepper.step();
    times.push(performance.now() - start);
  }
  await stepper.finish();
  send({ type: 'measured', value: (1_000 * batchSize) / median(times) });
}
