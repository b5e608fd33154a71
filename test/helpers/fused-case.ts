import { expect } from 'chai';
import { FusedEngine } from '../../shared/engine/fused/fused-engine.ts';
import { checkModel, type ModelInput, type ModelSpec } from '../../shared/tasks/model.ts';
import { expectGradients } from '../contracts/engine-gradients.ts';
import { modelCase, type CaseOptions } from './reference/case.ts';
import { referencePredict } from './reference/network.ts';

/** What a model is made of, but for its loss, which is the mean squared error here. */
export type Chain = Pick<ModelInput, 'input' | 'layers'>;

export const meanSquared = (chain: Chain): ModelSpec => checkModel({ ...chain, loss: 'mean-squared-error' });

/** Opens a fused engine for the time of `use`. @param weights - length d */
export async function withFused<T>(
  model: ModelSpec,
  weights: ArrayLike<number>,
  use: (engine: FusedEngine) => Promise<T>,
): Promise<T> {
  const engine = await FusedEngine.create(model);
  try {
    engine.setWeights(Float32Array.from(weights));
    return await use(engine);
  } finally {
    engine.dispose();
  }
}

/** Holds predictions, loss and gradients of a chain against the float64 reference. */
export async function expectAsReference(chain: Chain, seed: number, options: CaseOptions = {}): Promise<void> {
  const one = modelCase({ ...chain, loss: 'mean-squared-error' }, seed, options);
  const { model, weights, batch } = one;
  await withFused(model, weights, async (engine) => {
    const expected = referencePredict(model, Float64Array.from(weights), batch).data;
    const found = await engine.predict(batch.xs, batch.count);
    expect(found).to.have.length(expected.length);
    for (const [i, value] of expected.entries()) {
      expect(found[i], `output ${i}`).to.be.closeTo(value, 1e-5 * (1 + Math.abs(value)));
    }
    await expectGradients(engine, one, 150, 1e-4);
  });
}

/** The gradients of a batch in which the mean squared error is taken over `ys`. */
export const gradientsOf = async (
  chain: Chain,
  weights: readonly number[],
  xs: readonly number[],
  ys: readonly number[],
): Promise<number[]> =>
  withFused(meanSquared(chain), weights, async (engine) => {
    const count = xs.length / chain.input.reduce((a, b) => a * b);
    const { gradients } = await engine.gradients({ xs: Float32Array.from(xs), ys: Float32Array.from(ys), count });
    return [...gradients];
  });

/** The outputs in evaluation mode. */
export const outputsOf = async (chain: Chain, weights: readonly number[], xs: readonly number[]): Promise<number[]> =>
  withFused(meanSquared(chain), weights, async (engine) => {
    const count = xs.length / chain.input.reduce((a, b) => a * b);
    return [...(await engine.predict(Float32Array.from(xs), count))];
  });
