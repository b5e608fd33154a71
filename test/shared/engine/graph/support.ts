import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu'; // oxlint-disable-line import/no-unassigned-import
import type { Examples, UpdateRule } from '../../../../shared/engine/engine.ts';
import { GraphEngine } from '../../../../shared/engine/graph/graph-engine.ts';
import { seeded } from '../../../../shared/random.ts';
import { losses, modelLayout, outputShape, type ModelSpec } from '../../../../shared/tasks/model.ts';
import { layoutSize, sizeOf } from '../../../../shared/weights.ts';

/** In production mode TensorFlow.js prints no banner on the first use of its cpu backend. */
export async function startCpu(): Promise<void> {
  tf.env().set('PROD', true);
  await tf.setBackend('cpu');
}

const engines: GraphEngine[] = [];
export const graphEngine = (model: ModelSpec, rule?: UpdateRule): GraphEngine => {
  const engine = new GraphEngine(model, 'cpu');
  engines.push(engine);
  engine.setWeights(someWeights(model));
  if (rule !== undefined) engine.setRule(rule);
  return engine;
};
export const disposeEngines = (): void => {
  for (const engine of engines.splice(0)) engine.dispose();
};

/** Weights of 0.2 to 0.6 and -0.6 to -0.2 in random order; moving variances must not be negative. */
export function someWeights(model: ModelSpec, seed = 1): Float32Array {
  const layout = modelLayout(model);
  const random = seeded(seed, 'some weights');
  const weights = Float32Array.from({ length: layoutSize(layout) }, () => {
    const size = 0.2 + 0.4 * random.float();
    return random.below(2) === 0 ? size : -size;
  });
  for (const { name, shape, offset } of layout) {
    if (!name.endsWith('moving-variance')) continue;
    for (let i = offset; i < offset + sizeOf(shape); i++) weights[i] = 0.5 + Math.abs(weights[i]!);
  }
  return weights;
}

export function someExamples(model: ModelSpec, count: number, seed = 1): Examples {
  const random = seeded(seed, 'some examples');
  const [first] = model.layers;
  const value = first?.type === 'embedding' ? () => random.below(first.inputDim) : () => 2 * random.float() - 1;
  const xs = Float32Array.from({ length: count * sizeOf(model.input) }, value);
  const output = outputShape(model);
  if (losses[model.loss].reads === 'labels') {
    const classes = output.at(-1)!;
    const ys = Int32Array.from({ length: (count * sizeOf(output)) / classes }, () => random.below(classes));
    return { xs, ys, count };
  }
  return { xs, ys: Float32Array.from({ length: count * sizeOf(output) }, () => random.float()), count };
}

/** The largest distance of two values. */
export const largest = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let most = a.length === b.length ? 0 : Infinity;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!));
  return most;
};
