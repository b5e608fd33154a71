import { seeded, type Random } from '../random.ts';
import { layoutSize, sizeOf } from '../weights.ts';
import type { Initializer } from './layers.ts';
import { modelLayout, weightSpecs, type ModelSpec } from './model.ts';

/**
 * The weights that a run starts from, length d, as each layer's outline says (layers.ts). Each weight draws from its own
 * stream of the seed, so that a change of one layer leaves the others as they were.
 * @throws FederatedError BAD_MODEL
 * @see Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010, formula 16
 */
export function initialWeights(model: ModelSpec, seed: number | string): Float32Array {
  const layout = modelLayout(model);
  const weights = new Float32Array(layoutSize(layout));
  for (const [index, { name, shape, initializer }] of weightSpecs(model).entries()) {
    const from = layout[index]!.offset;
    const part = weights.subarray(from, from + sizeOf(shape));
    if (initializer === 'zeros') continue;
    else if (initializer === 'ones') part.fill(1);
    else if ('forgetBias' in initializer) part.fill(1, initializer.forgetBias.units, 2 * initializer.forgetBias.units);
    else fillUniformly(part, limitOf(initializer), seeded(seed, 'weights', name));
  }
  return weights;
}

function limitOf(initializer: Extract<Initializer, { glorotUniform: object } | { uniform: object }>): number {
  if ('uniform' in initializer) return initializer.uniform.limit;
  const { fanIn, fanOut } = initializer.glorotUniform;
  return Math.sqrt(6 / (fanIn + fanOut));
}

function fillUniformly(values: Float32Array, limit: number, random: Random): void {
  for (let i = 0; i < values.length; i++) values[i] = (2 * random.float() - 1) * limit;
}
