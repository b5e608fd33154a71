import { createEngine } from '../../../../shared/engine/create-engine.ts';
import { sampleBatch } from '../../../../shared/engine/sample-batch.ts';
import { initialWeights } from '../../../../shared/tasks/initial.ts';
import { checkModel, type ModelInput } from '../../../../shared/tasks/model.ts';

/** Trains on Dawn and on wasm, and prints how far they are apart: a process of its own, since Dawn may keep it from ending. */

export interface DawnAnswer {
  /** What `auto` says of webgpu; undefined when it took it. */
  readonly refusal: string | undefined;
  /** Why there is no WebGPU at all; null when there is. */
  readonly missing: string | null;
  /** Names in the global scope that were not there before. */
  readonly globals: readonly string[];
  readonly models: readonly {
    /** Largest difference of a gradient from that of wasm, relative to the largest gradient. */
    readonly apart: number;
    readonly losses: readonly number[];
    readonly wasmLosses: readonly number[];
  }[];
}

const loss = 'sparse-categorical-crossentropy';
const models: readonly ModelInput[] = [
  {
    input: [64],
    layers: [
      { type: 'dense', units: 20, activation: 'relu' },
      { type: 'dense', units: 20, activation: 'relu' },
      { type: 'dense', units: 10, activation: 'softmax' },
    ],
    loss,
  },
  {
    input: [8, 8, 1],
    layers: [
      { type: 'conv2d', filters: 4, kernelSize: 3, padding: 'same', activation: 'relu' },
      { type: 'maxPooling2d' },
      { type: 'flatten' },
      { type: 'dense', units: 10, activation: 'softmax' },
    ],
    loss,
  },
];

async function compare(input: ModelInput): Promise<DawnAnswer['models'][number]> {
  const model = checkModel(input);
  const batch = sampleBatch(model, 10);
  const run = async (backend: string): Promise<{ gradients: Float32Array; losses: number[] }> => {
    const engine = await createEngine({ model, backend, timeLimitMs: 120_000 });
    engine.setWeights(initialWeights(model, 1));
    const { gradients } = await engine.gradients(batch);
    const losses: number[] = [];
    for (let i = 0; i < 4; i++) {
      engine.step(batch, 0.2);
      losses.push(await engine.takeLoss());
    }
    engine.dispose();
    return { gradients, losses };
  };
  const wasm = await run('wasm');
  const webgpu = await run('webgpu');
  const most = wasm.gradients.reduce((sum, value) => Math.max(sum, Math.abs(value)), 0);
  const apart =
    wasm.gradients.reduce((sum, value, i) => Math.max(sum, Math.abs(value - webgpu.gradients[i]!)), 0) / most;
  return { apart, losses: webgpu.losses, wasmLosses: wasm.losses };
}

async function answer(): Promise<DawnAnswer> {
  const before = new Set(Object.getOwnPropertyNames(globalThis));
  let refusal: string | undefined;
  const onRefusal = (name: string, reason: string): void => {
    if (name === 'webgpu') refusal = reason;
  };
  const model = checkModel(models[0]);
  (await createEngine({ model, onRefusal })).dispose();
  const named = await createEngine({ model, backend: 'webgpu', timeLimitMs: 120_000 }).catch((error: unknown) => error);
  if (named instanceof Error) return { refusal, missing: named.message, globals: [], models: [] };
  const found: DawnAnswer['models'][number][] = [];
  for (const one of models) found.push(await compare(one));
  const globals = Object.getOwnPropertyNames(globalThis).filter((name) => !before.has(name) && !name.startsWith('_tf'));
  return { refusal, missing: null, globals, models: found };
}

process.stdout.write(JSON.stringify(await answer()), () => process.exit());
