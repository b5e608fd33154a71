import type { Examples } from '../../../shared/engine/engine.ts';
import { seeded } from '../../../shared/random.ts';
import { initialWeights } from '../../../shared/tasks/initial.ts';
import {
  checkModel,
  losses,
  modelLayout,
  outputShape,
  type ModelInput,
  type ModelSpec,
} from '../../../shared/tasks/model.ts';
import { sizeOf } from '../../../shared/weights.ts';

/** A model with weights and a batch, to compute with. */
export interface ModelCase {
  readonly model: ModelSpec;
  readonly batch: Examples;
  /** Length d. */
  readonly weights: Float32Array;
}

export interface CaseOptions {
  /** Examples in the batch; default 3. */
  readonly count?: number;
  /** `labels` for a binary cross entropy of one output. */
  readonly ys?: 'labels';
  /** Scale of the normal-like input values; default 1. */
  readonly spread?: number;
}

/**
 * A case with seeded data that fits the model: whole numbers for an embedding, labels or targets as the loss reads them.
 * The initial weights are moved a little, so that no bias is zero and no statistic is what it starts as.
 */
export function modelCase(input: ModelInput, seed: number, { count = 3, ys, spread = 1 }: CaseOptions = {}): ModelCase {
  const model = checkModel(input);
  const random = seeded(seed, 'case');
  const first = model.layers[0]!;
  const xs = Float32Array.from({ length: count * sizeOf(model.input) }, () =>
    first.type === 'embedding' ? random.below(first.inputDim) : spread * (2 * random.float() - 1),
  );
  return { model, batch: { xs, ys: targetsFor(model, count, seed, ys), count }, weights: weightsFor(model, seed) };
}

function targetsFor(model: ModelSpec, count: number, seed: number, wanted?: 'labels'): Int32Array | Float32Array {
  const random = seeded(seed, 'targets');
  const output = outputShape(model);
  const classes = output.at(-1)!;
  const length = count * sizeOf(output);
  if (losses[model.loss].reads === 'labels')
    return Int32Array.from({ length: length / classes }, () => random.below(classes));
  if (wanted === 'labels') return Int32Array.from({ length }, () => random.below(2));
  const targets = Float32Array.from({ length }, () => random.float());
  if (model.loss !== 'categorical-crossentropy') return targets;
  for (let row = 0; row < length; row += classes) {
    const shares = targets.subarray(row, row + classes);
    const sum = shares.reduce((a, b) => a + b, 0);
    shares.forEach((share, i) => (shares[i] = share / sum));
  }
  return targets;
}

/** The initial weights, each moved by up to 0.1; a moving variance stays above zero. */
export function weightsFor(model: ModelSpec, seed: number): Float32Array {
  const weights = initialWeights(model, seed);
  const random = seeded(seed, 'moves');
  for (const { name, shape, offset } of modelLayout(model)) {
    const moves = name.endsWith('/moving-variance') ? 0.5 : 0.1;
    for (let i = offset; i < offset + sizeOf(shape); i++) weights[i]! += moves * (2 * random.float() - 1);
  }
  return weights;
}
