import { expect } from 'chai';
import { suitsWinograd } from '../../../../shared/engine/fused/convolution/winograd.ts';
import { expectAsReference, gradientsOf, outputsOf, type Chain } from '../../../helpers/fused-case.ts';

const plain = { height: 7, width: 7, outHeight: 7, outWidth: 7, strideY: 1, strideX: 1, top: 1, left: 1 };
const shape = { ...plain, kernelHeight: 3, kernelWidth: 3, channels: 16, filters: 16 };

const zeros = (length: number): number[] => Array.from({ length }, () => 0);

describe('the fused convolution', () => {
  it('takes few multiplications for square kernels of 3 and 5 over many channels', () => {
    expect(suitsWinograd(shape)).to.equal(true);
    expect(suitsWinograd({ ...shape, kernelHeight: 5, kernelWidth: 5, filters: 64 })).to.equal(true);
  });

  it('computes all others directly', () => {
    const others = [
      { kernelHeight: 5 },
      { kernelHeight: 1, kernelWidth: 1 },
      { kernelHeight: 7, kernelWidth: 7 },
      { strideY: 2 },
      { strideX: 2 },
      { channels: 12 },
      { filters: 12 },
      { channels: 18 },
      { filters: 18 },
    ];
    for (const other of others) expect(suitsWinograd({ ...shape, ...other }), JSON.stringify(other)).to.equal(false);
  });

  for (const side of [3, 5]) {
    describe(`with few multiplications, ${side} x ${side}`, () => {
      const channels = 16;
      const filters = 16;
      const conv = { type: 'conv2d', filters, kernelSize: side, padding: 'same' } as const;
      // Kernel [side, side, channels, filters]: filter f is channel f, moved by a pixel to the right, times two.
      const moved = zeros(side * side * channels * filters + filters);
      const middle = (side - 1) / 2;
      for (let c = 0; c < channels; c++) {
        moved[((middle * side + middle - 1) * channels + c) * filters + c] = 2;
        moved[side * side * channels * filters + c] = c; // bias
      }
      const image = (height: number, width: number): number[] =>
        Array.from({ length: height * width * channels }, (_, i) => ((i * 37) % 101) / 50 - 1);

      it('moves an image whose squares do not fill it', async () => {
        for (const [height, width] of [
          [1, 1],
          [5, 3],
          [6, 11],
        ] as const) {
          const chain: Chain = { input: [height, width, channels], layers: [conv] };
          const xs = image(height, width);
          const ys = await outputsOf(chain, moved, xs);
          for (const [i, y] of ys.entries()) {
            const isFirst = Math.floor(i / channels) % width === 0;
            const expected = (isFirst ? 0 : 2 * xs[i - channels]!) + (i % channels);
            expect(y, `${height} x ${width}, output ${i}`).to.be.closeTo(expected, 2e-5);
          }
        }
      });

      it('has the gradient that was counted by hand', async () => {
        const input = [2, 1, channels];
        const layers: Chain['layers'] = [{ ...conv, useBias: false }];
        const weights = zeros(side * side * channels * filters);
        const xs = zeros(2 * channels);
        xs[3] = 4; // upper pixel, channel 3
        const targets = zeros(2 * filters);
        targets[filters + 5] = -8; // lower pixel, filter 5
        // Outputs are 0, so that the mean of the squares has the slope 2 · 8 / 32 at that output: times 4, at the tap above.
        const found = await gradientsOf({ input, layers }, weights, xs, targets);
        const at = (((middle - 1) * side + middle) * channels + 3) * filters + 5;
        for (const [i, value] of found.entries()) expect(value, `weight ${i}`).to.be.closeTo(i === at ? 2 : 0, 1e-5);
      });

      it('agrees with the reference for sizes and channels of all kinds', async () => {
        const options = [
          { size: [side, side], padding: 'valid', channels: 16, filters: 20, count: 3 },
          { size: [9, 6], padding: 'valid', channels: 20, filters: 16, count: 2, activation: 'tanh' },
          { size: [8, 8], padding: 'same', channels: 24, filters: 16, count: 2, activation: 'relu' },
          { size: [5, 13], padding: 'same', channels: 16, filters: 28, count: 1, useBias: false },
          { size: [2, 3], padding: 'same', channels: 16, filters: 16, count: 5 },
        ] as const;
        for (const [index, { size, count, channels: given, ...layer }] of options.entries()) {
          const first: Chain = {
            input: [...size, given],
            layers: [{ type: 'conv2d', kernelSize: side, ...layer }],
          };
          await expectAsReference(first, 10 * index + side, { count });
          const behind: Chain = {
            input: [...size, 3],
            layers: [
              { type: 'conv2d', kernelSize: 1, filters: given },
              { type: 'conv2d', kernelSize: side, ...layer },
            ],
          };
          await expectAsReference(behind, 10 * index + side + 1, { count });
          const turned: Chain = {
            input: [...size, given],
            layers: [{ type: 'conv2dTranspose', kernelSize: side, ...layer }],
          };
          await expectAsReference(turned, 10 * index + side + 2, { count });
        }
      });

      it('gives an image the same outputs alone and among many', async () => {
        const chain: Chain = { input: [6, 7, channels], layers: [conv] };
        const one = image(6, 7);
        const alone = await outputsOf(chain, moved, one);
        const among = await outputsOf(
          chain,
          moved,
          Array.from({ length: 20 }, (_, i) => (i === 13 ? one : one.map((x) => x * i))).flat(),
        );
        expect(among.slice(13 * alone.length, 14 * alone.length)).to.deep.equal(alone);
      });
    });
  }
});
