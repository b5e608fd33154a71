import { expect } from 'chai';
import type { Examples } from '../../../../shared/engine/engine.ts';
import { expectAsReference, meanSquared, outputsOf, withFused, type Chain } from '../../../helpers/fused-case.ts';

describe('the fused batch normalization', () => {
  const chain: Chain = { input: [1], layers: [{ type: 'batchNormalization', momentum: 0.75, epsilon: 0.25 }] };
  const batch: Examples = { xs: Float32Array.of(0, 0, 0, 2), ys: new Float32Array(4), count: 4 };
  const weights = [2, 1, 4, 15.75]; // gamma, beta, moving mean, moving variance

  it('goes by the statistics of the batch in training and by the moving ones in evaluation', async () => {
    await withFused(meanSquared(chain), weights, async (engine) => {
      // mean 1/2, variance 3/4, with epsilon 1: outputs 0 0 0 4
      expect((await engine.gradients(batch)).loss).to.equal(4);
      expect([...(await engine.predict(batch.xs, 4))]).to.deep.equal([-1, -1, -1, 0]); // 2 (x - 4) / 4 + 1
    });
  });

  it('moves its statistics in a step, and only there', async () => {
    await withFused(meanSquared(chain), weights, async (engine) => {
      await engine.gradients(batch);
      await engine.evaluate(batch);
      expect([...(await engine.getWeights())]).to.deep.equal(weights);
      engine.step(batch, 0);
      expect([...(await engine.getWeights())]).to.deep.equal([2, 1, 3.125, 12]); // 3/4 of the old, 1/4 of 1/2 and 3/4
    });
  });

  it('keeps its digits where a column lies far from zero', async () => {
    const layers: Chain['layers'] = [{ type: 'batchNormalization', momentum: 0 }];
    const count = 3000;
    // 4096 ± 1 and -512 ± 1/2; the mean of squares less the square of the mean has no digit left in single precision
    const xs = Float32Array.from({ length: 2 * count }, (_, i) => {
      const sign = i % 4 < 2 ? 1 : -1;
      return i % 2 === 0 ? 4096 + sign : -512 + sign / 2;
    });
    await withFused(meanSquared({ input: [2], layers }), new Float32Array(8), async (engine) => {
      engine.step({ xs, ys: new Float32Array(2 * count), count }, 0);
      expect([...(await engine.getWeights())]).to.deep.equal([0, 0, 0, 0, 4096, -512, 1, 0.25]);
    });
  });

  it('agrees with the reference for any number of channels, over all axes but the last', async () => {
    for (const channels of [1, 3, 4, 6, 9]) {
      const before = { type: 'dense', units: channels, activation: 'tanh' } as const;
      const after = { type: 'dense', units: 2 } as const;
      await expectAsReference({ input: [3, 2], layers: [before, { type: 'batchNormalization' }, after] }, channels);
    }
    await expectAsReference({ input: [2, 3, 5], layers: [{ type: 'batchNormalization' }] }, 1);
  });
});

describe('the fused layer normalization', () => {
  it('normalises each row by its own mean and variance', async () => {
    const chain: Chain = { input: [4], layers: [{ type: 'layerNormalization', epsilon: 0.25 }] };
    // mean 1/2, variance 3/4, with epsilon 1
    const outputs = await outputsOf(chain, [1, 1, 1, 2, 0, 10, 0, 0], [0, 0, 0, 2, 4, 4, 4, 6]);
    expect(outputs).to.deep.equal([-0.5, 9.5, -0.5, 3, -0.5, 9.5, -0.5, 3]);
  });

  it('agrees with the reference for rows of any length', async () => {
    for (const n of [2, 3, 4, 5, 8, 11]) {
      const layers: Chain['layers'] = [
        { type: 'dense', units: n },
        { type: 'layerNormalization' },
        { type: 'dense', units: 2 },
      ];
      await expectAsReference({ input: [3, 2], layers }, n);
      await expectAsReference({ input: [n], layers: [{ type: 'layerNormalization' }] }, n);
    }
  });
});
