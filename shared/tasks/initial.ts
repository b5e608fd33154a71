import { seeded } from '../random.ts';
import { layoutSize, sizeOf } from '../weights.ts';
import { modelLayout, weightSpecs, type ModelSpec } from './model.ts';

/**
 * The weights that a run starts from, length d: kernels uniform in ±sqrt(6 / (fanIn + fanOut)), biases zero. Each weight
 * draws from its own stream of the seed, so that a change of one layer leaves the others as they were.
 * @throws FederatedError BAD_MODEL
 * @see Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010, formula 16
 */
export function initialWeights(model: ModelSpec, seed: number | string): Float32Array {
  const layout = modelLayout(model);
  const weights = new Float32Array(layoutSize(layout));
  for (const [index, { name, shape, initializer }] of weightSpecs(model).entries()) {
    if (initializer === 'zeros') continue;
    const { fanIn, fanOut } = initializer.glorotUniform;
    const limit = Math.sqrt(6 / (fanIn + fanOut));
    const random = seeded(seed, 'weights', name);
    const from = layout[index]!.offset;
    for (let i = from; i < from + sizeOf(shape); i++) weights[i] = (2 * random.float() - 1) * limit;
  }
  return weights;
}
