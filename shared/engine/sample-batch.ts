import { losses, outputShape, type ModelSpec } from '../tasks/model.ts';
import { seeded } from '../random.ts';
import { sizeOf } from '../weights.ts';
import type { Examples } from './engine.ts';

/**
 * Made-up examples that a model takes, always the same: for measuring, not for learning.
 * @throws FederatedError BAD_MODEL
 */
export function sampleBatch({ input, layers, loss }: ModelSpec, count: number): Examples {
  const random = seeded('sample');
  const [first] = layers;
  const xs = new Float32Array(count * sizeOf(input));
  const value = first?.type === 'embedding' ? () => random.below(first.inputDim) : random.float;
  for (let i = 0; i < xs.length; i++) xs[i] = value();
  const output = outputShape({ input, layers, loss });
  if (losses[loss].reads === 'targets') {
    return { xs, ys: Float32Array.from({ length: count * sizeOf(output) }, () => random.float()), count };
  }
  const classes = output.at(-1)!;
  const length = count * sizeOf(output.slice(0, -1)); // one label for each place
  return { xs, ys: Int32Array.from({ length }, () => random.below(classes)), count };
}
