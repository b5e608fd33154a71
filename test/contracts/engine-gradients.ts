import { expect } from 'chai';
import type { Engine } from '../../shared/engine/engine.ts';
import { modelLayout, type ModelSpec } from '../../shared/tasks/model.ts';
import { sizeOf } from '../../shared/weights.ts';
import type { ModelCase } from '../helpers/reference/case.ts';
import { centralDifferences, Differences, sampleWeights, tensorOf } from '../helpers/reference/differences.ts';

export const dropoutSeed = 5;

export const largestOf = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** What is known of a case, for all engines that are held against it. */
const known = new WeakMap<ModelCase, Differences>();
function differencesOf(one: ModelCase): Differences {
  const differences = known.get(one) ?? new Differences(one.model, one.weights, one.batch, dropoutSeed);
  known.set(one, differences);
  return differences;
}

/** The index of the largest gradient of each tensor. */
const steepestOf = (model: ModelSpec, gradients: Float32Array): number[] =>
  modelLayout(model).map(({ offset, shape }) => {
    let best = offset;
    for (let i = offset; i < offset + sizeOf(shape); i++) {
      if (Math.abs(gradients[i]!) > Math.abs(gradients[best]!)) best = i;
    }
    return best;
  });

/**
 * Holds loss and gradients of an engine, which has the weights of the case, against those of the float64 reference.
 * @param budget - most weights to look at
 * @param tolerance - largest error, relative to the largest gradient of the same tensor
 */
export async function expectGradients(
  engine: Engine,
  one: ModelCase,
  budget: number,
  tolerance: number,
): Promise<void> {
  const { model, batch, weights } = one;
  const { loss, gradients } = await engine.gradients(batch, dropoutSeed);
  expect(gradients).to.have.length(weights.length);
  // With those that the engine says are the largest of their tensors: errors are measured by the largest.
  const indices = [...new Set([...sampleWeights(model, budget, 1), ...steepestOf(model, gradients)])];
  const expected = centralDifferences(model, differencesOf(one), indices);
  expect(Math.abs(loss / expected.loss - 1), `loss ${loss}, not ${expected.loss}`).to.be.at.most(1e-5);
  expect(expected.skipped, 'weights at a kink').to.be.at.most(1 + 0.03 * indices.length);
  const layout = modelLayout(model);
  const largest = new Float64Array(layout.length);
  for (const { index, central } of expected.slopes) {
    const tensor = tensorOf(layout, index);
    largest[tensor] = Math.max(largest[tensor]!, Math.abs(central));
  }
  // Some gradients are zero but for rounding: of a bias before a normalization, of the keys' bias in attention.
  const leastScale = 1e-3 * largestOf(largest);
  for (const { index, central } of expected.slopes) {
    const tensor = tensorOf(layout, index);
    const error = Math.abs(gradients[index]! - central) / Math.max(largest[tensor]!, leastScale);
    const { name, offset } = layout[tensor]!;
    const what = `${name}[${index - offset}] is ${gradients[index]}, not ${central}`;
    expect(error, what).to.be.at.most(tolerance);
  }
}

/**
 * Holds the gradients of an engine against the reference on models in their real size, at a few weights of each tensor.
 * @param make - an engine for a model; the suite disposes of it
 */
export function describeGradients(
  name: string,
  make: (model: ModelSpec) => Promise<Engine>,
  models: Readonly<Record<string, ModelCase>>,
  { weightsToLookAt = 24, tolerance = 1e-4 }: { weightsToLookAt?: number; tolerance?: number } = {},
): void {
  describe(`the gradients of ${name}`, () => {
    for (const [title, one] of Object.entries(models)) {
      it(`are those of the reference for ${title}`, async () => {
        const engine = await make(one.model);
        try {
          engine.setWeights(one.weights);
          await expectGradients(engine, one, weightsToLookAt, tolerance);
        } finally {
          engine.dispose();
        }
      });
    }
  });
}
