import { expect } from 'chai';
import { expectAsReference, gradientsOf, outputsOf, type Chain } from '../../../helpers/fused-case.ts';

type Layer = Chain['layers'][number];
const image = [1, 2, 3, 4, 5, 6, 7, 8, 9];
/** A dense layer of one unit with weight 1 and bias 0 gives its one channel on: the pool is then not the first layer. */
const pass: Layer = { type: 'dense', units: 1 };
const pooled = (input: number[], layer: Layer, xs: number[]): Promise<number[]> =>
  outputsOf({ input: [...input, 1], layers: [pass, layer] }, [1, 0], xs);

describe('the fused pooling', () => {
  it('takes the largest or the mean of each window, and leaves padding out of both', async () => {
    const negative = image.map((value) => -value);
    const same = { strides: 2, padding: 'same' } as const;
    expect(await pooled([3, 3], { type: 'maxPooling2d', ...same }, negative)).to.deep.equal([-1, -3, -7, -9]);
    // means of {1 2 4 5}, {3 6}, {7 8}, {9}
    expect(await pooled([3, 3], { type: 'averagePooling2d', ...same }, image)).to.deep.equal([3, 4.5, 7.5, 9]);
    expect(await pooled([3, 3], { type: 'maxPooling2d' }, image)).to.deep.equal([5]);
    expect(await pooled([4, 2], { type: 'maxPooling2d' }, image.slice(1))).to.deep.equal([5, 9]);
    expect(await pooled([5], { type: 'maxPooling1d' }, [1, 2, 4, 3, 9])).to.deep.equal([2, 4]);
    const third = { type: 'averagePooling1d', poolSize: 3, strides: 1, padding: 'same' } as const;
    expect(await pooled([3], third, [1, 2, 6])).to.deep.equal([1.5, 3, 4]);
    expect(await pooled([3, 3], { type: 'globalMaxPooling2d' }, negative)).to.deep.equal([-1]);
    expect(await pooled([9], { type: 'globalAveragePooling1d' }, image)).to.deep.equal([5]);
  });

  // Four pixels of one hot channel each, so that the weight of a channel is the value of a pixel: 4 7 7 7.
  const tied = (layer: Layer, shape: number[]): Promise<number[]> => {
    const hot = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
    const dense: Layer = { type: 'dense', units: 1, useBias: false };
    return gradientsOf({ input: [...shape, 4], layers: [dense, layer] }, [4, 7, 7, 7], hot, [6]);
  };

  it('gives the gradient of a maximum to the first of several', async () => {
    const expected = [0, 2, 0, 0]; // 2 (7 - 6)
    expect(await tied({ type: 'maxPooling2d' }, [2, 2])).to.deep.equal(expected);
    expect(await tied({ type: 'maxPooling2d', strides: 1 }, [2, 2])).to.deep.equal(expected);
    expect(await tied({ type: 'maxPooling1d', poolSize: 4 }, [4])).to.deep.equal(expected);
    expect(await tied({ type: 'globalMaxPooling2d' }, [2, 2])).to.deep.equal(expected);
  });

  it('agrees with the reference for windows of all kinds', async () => {
    const pools: readonly (readonly [number[], Layer])[] = [
      [[5, 4, 3], { type: 'maxPooling2d' }],
      [[4, 6, 2], { type: 'maxPooling2d', padding: 'same' }],
      [[5, 5, 2], { type: 'maxPooling2d', padding: 'same' }],
      [[6, 5, 2], { type: 'maxPooling2d', poolSize: [3, 2], strides: [1, 2] }],
      [[5, 5, 2], { type: 'averagePooling2d', poolSize: 3, strides: 2, padding: 'same' }],
      [[4, 4, 3], { type: 'averagePooling2d' }],
      [[7, 3], { type: 'maxPooling1d', poolSize: 3, strides: 2, padding: 'same' }],
      [[7, 3], { type: 'averagePooling1d', poolSize: 3 }],
      [[6, 2], { type: 'globalMaxPooling1d' }],
      [[6, 2], { type: 'globalAveragePooling1d' }],
      [[3, 4, 2], { type: 'globalMaxPooling2d' }],
      [[3, 4, 2], { type: 'globalAveragePooling2d' }],
    ];
    for (const [index, [input, layer]] of pools.entries()) {
      for (const units of [1, 4, 7]) {
        await expectAsReference({ input, layers: [{ type: 'dense', units }, layer] }, 10 * index + units);
      }
    }
  });

  it('lets a value that is no number through', async () => {
    expect(await pooled([2, 2], { type: 'maxPooling2d' }, [1, Number.NaN, 3, 2])).to.deep.equal([Number.NaN]);
    expect(await pooled([3], { type: 'maxPooling1d', poolSize: 3 }, [1, Number.NaN, 3])).to.deep.equal([Number.NaN]);
  });
});
