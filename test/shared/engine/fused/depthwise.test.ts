import { expect } from 'chai';
import { expectAsReference, gradientsOf, outputsOf, type Chain } from '../../../helpers/fused-case.ts';

describe('the fused depthwise convolution', () => {
  it('gives each channel its own filters', async () => {
    // window 1 x 2, channels a = 1 2, b = 3 4, multiplier 2: kernel [tap, channel, filter]
    const chain: Chain = {
      input: [1, 2, 2],
      layers: [{ type: 'depthwiseConv2d', kernelSize: [1, 2], depthMultiplier: 2 }],
    };
    const kernel = [1, 2, 3, 4, 10, 20, 30, 40];
    // a: 1·1 + 2·10 = 21, 1·2 + 2·20 = 42; b: 3·3 + 4·30 = 129, 3·4 + 4·40 = 172; biases 0 0 0 0.5
    expect(await outputsOf(chain, [...kernel, 0, 0, 0, 0.5], [1, 3, 2, 4])).to.deep.equal([21, 42, 129, 172.5]);
  });

  it('slides with strides over an image that it pads with zeros', async () => {
    const layers: Chain['layers'] = [
      { type: 'depthwiseConv2d', kernelSize: 3, strides: 2, padding: 'same', useBias: false, activation: 'relu' },
    ];
    const image = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    const ones = image.map(() => 1);
    // windows around the corners: 1 + 2 + 4 + 5, 2 + 3 + 5 + 6, 4 + 5 + 7 + 8, 5 + 6 + 8 + 9
    expect(await outputsOf({ input: [3, 3, 1], layers }, ones, image)).to.deep.equal([12, 16, 24, 28]);
    expect(
      await outputsOf(
        { input: [3, 3, 1], layers },
        ones.map((one) => -one),
        image,
      ),
    ).to.deep.equal([0, 0, 0, 0]);
  });

  it('has the gradient of its taps and of its bias', async () => {
    const layers: Chain['layers'] = [{ type: 'depthwiseConv2d', kernelSize: [1, 2] }];
    // x = 1 2 4, outputs 1·1 + 2·1 + 0 = 3 and 6, targets 2 and 4: errors 1 and 2 are their gradients
    expect(await gradientsOf({ input: [1, 3, 1], layers }, [1, 1, 0], [1, 2, 4], [2, 4])).to.deep.equal([5, 10, 3]);
  });

  it('agrees with the reference for filters of all kinds', async () => {
    const options = [
      { kernelSize: 3, padding: 'same' },
      { kernelSize: [2, 3], strides: [1, 2] },
      { kernelSize: 2, strides: 3, padding: 'same', activation: 'tanh' },
      { kernelSize: [5, 1], padding: 'same', useBias: false },
    ] as const;
    for (const [index, option] of options.entries()) {
      for (const units of [1, 4, 9, 13]) {
        const depthMultiplier = units === 4 ? 3 : 1;
        const layers: Chain['layers'] = [
          { type: 'dense', units },
          { type: 'depthwiseConv2d', ...option, depthMultiplier } as Chain['layers'][number],
        ];
        await expectAsReference({ input: [5, 6, 2], layers }, 10 * index + units, { count: 2 });
      }
    }
    const first: Chain['layers'] = [{ type: 'depthwiseConv2d', kernelSize: 2, depthMultiplier: 2 }];
    await expectAsReference({ input: [4, 4, 3], layers: first }, 1);
  });
});
