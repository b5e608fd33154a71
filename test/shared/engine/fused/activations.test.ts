import { expect } from 'chai';
import { activations, type Activation } from '../../../../shared/tasks/layers.ts';
import { expectAsReference, outputsOf, type Chain } from '../../../helpers/fused-case.ts';

/** Φ by its series: the sum of x^(2k+1) / (1 · 3 · 5 ...), times the density, and 1/2. */
function normal(x: number): number {
  let term = x;
  let sum = x;
  for (let k = 1; k < 200; k++) {
    term *= (x * x) / (2 * k + 1);
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

/** Values behind an activation, and behind an embedding that adds nothing. */
const valuesOf = (activation: Activation, xs: readonly number[]): Promise<number[]> => {
  const layers: Chain['layers'] = [{ type: 'activation', activation }, { type: 'positionEmbedding' }];
  return outputsOf({ input: [1, xs.length], layers }, xs.map(() => 0), xs); // prettier-ignore
};

describe('the fused activations', () => {
  it('agree with the reference in every layer that has one, for any number of values', async () => {
    for (const [index, activation] of activations.entries()) {
      for (const units of [2, 4, 7]) {
        for (const layer of [
          { type: 'conv2d', filters: units, kernelSize: 2, activation },
          { type: 'depthwiseConv2d', kernelSize: 1, depthMultiplier: units, activation },
          { type: 'conv2dTranspose', filters: units, kernelSize: 2, strides: 2, activation },
          { type: 'activation', activation },
          { type: 'dense', units, activation },
        ] as const) {
          const layers: Chain['layers'] = [{ type: 'dense', units: 3 }, layer, { type: 'dense', units: 2 }];
          await expectAsReference({ input: [4, 3, 2], layers }, 10 * index + units, { count: 2 });
        }
      }
    }
  });

  it('give x Φ(x) for gelu and x / (1 + e^-x) for swish, near and far from zero', async () => {
    const xs = [-30, -9, -5, -2.5, -1, -0.1, -0.001, 0, 0.001, 0.1, 0.7, 1, 2.5, 5, 9, 30];
    const gelu = await valuesOf('gelu', xs);
    const swish = await valuesOf('swish', xs);
    for (const [i, x] of xs.entries()) {
      const phi = Math.abs(x) > 8 ? Number(x > 0) : normal(x); // 1 - Φ(8) is 6e-16
      expect(gelu[i], `gelu ${x}`).to.be.closeTo(x * phi, 2e-7 * Math.abs(x) + 1e-12);
      expect(swish[i], `swish ${x}`).to.be.closeTo(x / (1 + Math.exp(-x)), 3e-7 * Math.abs(x));
    }
  });

  it('stay numbers for huge values', async () => {
    const xs = [-1e30, -1e10, -1e5, 1e5, 1e10, 1e30];
    for (const activation of ['gelu', 'swish', 'softmax'] as const) {
      for (const value of await valuesOf(activation, xs)) expect(Number.isFinite(value), activation).to.equal(true);
    }
  });
});
