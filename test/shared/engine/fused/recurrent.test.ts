import { expect } from 'chai';
import type { Examples } from '../../../../shared/engine/engine.ts';
import { expectAsReference, meanSquared, outputsOf, withFused, type Chain } from '../../../helpers/fused-case.ts';
import { modelCase } from '../../../helpers/reference/case.ts';

const types = ['lstm', 'gru'] as const;
const alone = (
  type: (typeof types)[number],
  input: [number, number],
  units: number,
  returnSequences: boolean,
): Chain => ({
  input,
  layers: [{ type, units, returnSequences }],
});

describe('the fused recurrent layers', () => {
  const half = Math.atanh(0.5);
  const ln3 = Math.log(3);

  it('step an LSTM through its gates i, f, c, o', async () => {
    // i = 3/4, f = 1/4, candidate tanh x = 1/2, o = sigmoid(2 h): kernel, recurrent kernel, bias
    const weights = [0, 0, 1, 0, 0, 0, 0, 2, ln3, -ln3, 0, 0];
    const h1 = Math.tanh(0.375) / 2; // c = 3/4 · 1/2, o = 1/2
    const h2 = Math.tanh(0.375 / 4 + 0.375) / (1 + Math.exp(-2 * h1));
    const all = await outputsOf(alone('lstm', [2, 1], 1, true), weights, [half, half]);
    expect(all[0]).to.be.closeTo(h1, 1e-6);
    expect(all[1]).to.be.closeTo(h2, 1e-6);
    expect(await outputsOf(alone('lstm', [2, 1], 1, false), weights, [half, half])).to.deep.equal([all[1]]);
  });

  it('step a GRU through its gates z, r, h, with the reset before the product', async () => {
    // one unit: z = 3/4, r = 1/4, candidate tanh(x + 4 (r h))
    const weights = [0, 0, 1, 0, 0, 4, ln3, -ln3, 0];
    const h1 = 0.5 / 4;
    const h2 = 0.75 * h1 + Math.tanh(half + 4 * (h1 / 4)) / 4;
    const all = await outputsOf(alone('gru', [2, 1], 1, true), weights, [half, half]);
    expect(all[0]).to.be.closeTo(h1, 1e-6);
    expect(all[1]).to.be.closeTo(h2, 1e-6);
  });

  for (const type of types) {
    it(`agree with the reference for a ${type} of any size`, async () => {
      for (const units of [1, 3, 4, 9, 16]) await expectAsReference(alone(type, [4, 3], units, units % 2 === 0), units);
      await expectAsReference(alone(type, [1, 1], 1, true), 1);
      await expectAsReference(alone(type, [1, 2], 5, false), 2, { count: 1 });
    });

    it(`give the ${type}'s gradient on to the layers before it`, async () => {
      for (const returnSequences of [true, false]) {
        const layers: Chain['layers'] = [
          { type: 'dense', units: 5, activation: 'tanh' },
          { type, units: 6, returnSequences: true },
          { type, units: 7, returnSequences },
          { type: 'dense', units: 2 },
        ];
        await expectAsReference({ input: [5, 2], layers }, 7, { count: 4 });
      }
    });

    it(`give the same of a small batch after a large one in a ${type}`, async () => {
      const { model, weights, batch } = modelCase({ ...alone(type, [3, 2], 5, true), loss: 'mean-squared-error' }, 4, {
        count: 6,
      });
      const few: Examples = { xs: batch.xs.subarray(0, 12), ys: batch.ys.subarray(0, 30) as Float32Array, count: 2 };
      const before = await withFused(model, weights, (engine) => engine.gradients(few));
      await withFused(model, weights, async (engine) => {
        await engine.gradients(batch);
        expect(await engine.gradients(few)).to.deep.equal(before);
      });
    });
  }

  it('stay finite where the gates are shut or wide open', async () => {
    const weights = [0, 0, 1e4, 0, 0, 0, 0, 0, 1e4, -1e4, 0, 1e4]; // i = 1, f = 0, o = 1: h = tanh(±1)
    const chain = alone('lstm', [2, 1], 1, true);
    const outputs = await outputsOf(chain, weights, [1, -1]);
    expect(outputs[0]).to.be.closeTo(Math.tanh(1), 1e-6);
    expect(outputs[1]).to.be.closeTo(-Math.tanh(1), 1e-6);
    const batch: Examples = { xs: Float32Array.of(1, -1), ys: Float32Array.of(0, 0), count: 1 };
    const { gradients } = await withFused(meanSquared(chain), weights, (engine) => engine.gradients(batch));
    expect([...gradients].every(Number.isFinite)).to.equal(true);
  });
});
