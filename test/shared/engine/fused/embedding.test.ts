import { expect } from 'chai';
import { plainSgd, type Examples } from '../../../../shared/engine/engine.ts';
import {
  expectAsReference,
  gradientsOf,
  meanSquared,
  outputsOf,
  withFused,
  type Chain,
} from '../../../helpers/fused-case.ts';

const chain = (inputDim: number, outputDim: number, length: number): Chain => ({
  input: [length],
  layers: [{ type: 'embedding', inputDim, outputDim }],
});

describe('the fused embedding', () => {
  it('looks up a row for each number', async () => {
    expect(await outputsOf(chain(3, 2, 2), [1, 2, 3, 4, 5, 6], [2, 0, 2, 2])).to.deep.equal([5, 6, 1, 2, 5, 6, 5, 6]);
  });

  it('adds the gradients of a row that is looked up more than once', async () => {
    // outputs 2 2 1, targets 0 1 0: gradients of the mean of three squares are 2/3 of the errors 2 1 1
    const [first, second, third] = await gradientsOf(chain(3, 1, 3), [1, 2, 3], [1, 1, 0], [0, 1, 0]);
    expect(first).to.be.closeTo(2 / 3, 1e-7);
    expect(second).to.be.closeTo(6 / 3, 1e-7);
    expect(third).to.equal(0);
  });

  const batch: Examples = { xs: Float32Array.of(1, 1, 0), ys: Float32Array.of(0, 1, 0), count: 1 };

  it('touches only rows that were looked up in a plain step', async () => {
    await withFused(meanSquared(chain(3, 1, 3)), [1, 2, Number.NaN], async (engine) => {
      engine.step(batch, 0.75);
      expect([...(await engine.getWeights())]).to.deep.equal([0.5, 0.5, Number.NaN]); // 1 - 0.75 · 2/3, 2 - 0.75 · 2
    });
  });

  it('shrinks every row under an L2 penalty', async () => {
    await withFused(meanSquared(chain(3, 1, 3)), [1, 2, 4], async (engine) => {
      engine.setRule({ ...plainSgd, l2: 0.25 });
      engine.step(batch, 0.5);
      // times 1 - 2 · 0.25 · 0.5 = 3/4, less 0.5 times the gradients 2/3, 2, 0
      const [first, second, third] = await engine.getWeights();
      expect(first).to.be.closeTo(0.75 - 1 / 3, 1e-6);
      expect(second).to.be.closeTo(1.5 - 1, 1e-6);
      expect(third).to.equal(3);
    });
  });

  it('forgets the gradients of the batch before', async () => {
    await withFused(meanSquared(chain(3, 1, 1)), [1, 2, 4], async (engine) => {
      engine.setRule({ optimizer: { name: 'momentum', momentum: 0 } });
      engine.step({ xs: Float32Array.of(0), ys: Float32Array.of(0), count: 1 }, 0.25); // 1 - 0.25 · 2
      engine.step({ xs: Float32Array.of(2), ys: Float32Array.of(0), count: 1 }, 0.25); // 4 - 0.25 · 8
      expect([...(await engine.getWeights())]).to.deep.equal([0.5, 2, 2]);
    });
  });

  it('agrees with the reference for rows of any width', async () => {
    for (const width of [1, 3, 4, 7, 8]) await expectAsReference(chain(5, width, 6), width);
  });
});
