import { expect } from 'chai';
import { expectAsReference, gradientsOf, outputsOf, type Chain } from '../../../helpers/fused-case.ts';

const last = { type: 'dense', units: 2 } as const;
const identity = [1, 0, 0, 1, 0, 0];

describe('the fused residual', () => {
  it('adds what its layers give to their input', async () => {
    const chain: Chain = { input: [2], layers: [{ type: 'residual', layers: [{ type: 'dense', units: 2 }] }, last] };
    // x W + b = 1·1 + 2·3 + 5, 1·2 + 2·4 + 6; the last layer is the identity
    expect(await outputsOf(chain, [1, 2, 3, 4, 5, 6, ...identity], [1, 2])).to.deep.equal([1 + 12, 2 + 16]);
  });

  it('has a gradient that comes through its layers and beside them', async () => {
    const inner = { type: 'dense', units: 1, useBias: false } as const;
    const chain: Chain = { input: [1], layers: [inner, { type: 'residual', layers: [inner] }, inner] };
    // y = c (1 + b) a x with a = 2, b = 3, c = 5, x = 1: y = 40, target 39.5, slope 2 · 0.5 = 1
    // da = c (1 + b) x = 20, db = c a x = 10, dc = (1 + b) a x = 8
    expect(await gradientsOf(chain, [2, 3, 5], [1], [39.5])).to.deep.equal([20, 10, 8]);
  });

  it('agrees with the reference in first place, behind others and for layers of all kinds', async () => {
    const images = [
      { type: 'conv2d', filters: 16, kernelSize: 3, padding: 'same', useBias: false },
      { type: 'batchNormalization' },
      { type: 'activation', activation: 'relu' },
      { type: 'conv2d', filters: 16, kernelSize: 3, padding: 'same' },
    ] as const;
    await expectAsReference({ input: [6, 5, 16], layers: [{ type: 'residual', layers: [...images] }, last] }, 1, {
      count: 3,
    });
    const twice: Chain['layers'] = [
      { type: 'dense', units: 4, activation: 'tanh' },
      { type: 'residual', layers: [{ type: 'layerNormalization' }, { type: 'dense', units: 4, activation: 'tanh' }] },
      {
        type: 'residual',
        layers: [
          { type: 'dense', units: 9 },
          { type: 'dense', units: 4, useBias: false },
        ],
      },
      { type: 'residual', layers: [{ type: 'reshape', targetShape: [3, 4] }] },
      last,
    ];
    await expectAsReference({ input: [3, 2], layers: twice }, 2, { count: 4 });
  });

  it('drops with the masks that are its own, in their order', async () => {
    const dropping: Chain['layers'] = [
      { type: 'dropout', rate: 0.25 },
      {
        type: 'residual',
        layers: [
          { type: 'dense', units: 6 },
          { type: 'dropout', rate: 0.5 },
        ],
      },
      { type: 'dropout', rate: 0.5 },
      last,
    ];
    await expectAsReference({ input: [6], layers: dropping }, 3, { count: 5 });
  });
});
