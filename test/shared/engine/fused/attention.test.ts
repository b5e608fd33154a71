import { expect } from 'chai';
import { expectAsReference, gradientsOf, outputsOf, type Chain } from '../../../helpers/fused-case.ts';

/** Query, key, value and output kernels [1, 1] with their biases. */
const single = (query: number, key: number, value: number, output: number): number[] => [
  query, 0, key, 0, value, 0, output, 0,
]; // prettier-ignore

describe('the fused attention', () => {
  it('weighs the values of all places by the softmax of their scores', async () => {
    const chain: Chain = { input: [2, 1], layers: [{ type: 'selfAttention', heads: 1 }] };
    // Place 2 asks 2 log 2 · x: scores 0 and log 4 · ... for keys 0 and 1 with x = 0, 1: weights of place 2 are 1/5 and 4/5.
    const found = await outputsOf(chain, single(Math.log(4), 1, 10, 1), [0, 1]);
    expect(found[0]).to.be.closeTo(5, 1e-5); // scores 0 and 0: the mean of 0 and 10
    expect(found[1]).to.be.closeTo(8, 1e-5);
  });

  it('lets a causal place see itself and those before it', async () => {
    const chain: Chain = { input: [3, 1], layers: [{ type: 'selfAttention', heads: 1, causal: true }] };
    // Scores are all 0: each place has the mean of the values up to it.
    const found = await outputsOf(chain, single(0, 0, 1, 1), [3, 5, 10]);
    for (const [i, mean] of [3, 4, 6].entries()) expect(found[i]).to.be.closeTo(mean, 1e-5);
  });

  it('gives a key no gradient where only one place is seen', async () => {
    const chain: Chain = { input: [1, 1], layers: [{ type: 'selfAttention', heads: 1 }] };
    // y = output value x = 6 for x = 1, target 5: slope 2; the softmax of one score is 1 whatever the score is
    const found = await gradientsOf(chain, single(7, 8, 2, 3), [1], [5]);
    for (const [i, slope] of [0, 0, 0, 0, 6, 6, 4, 2].entries()) expect(found[i]).to.be.closeTo(slope, 1e-5);
  });

  it('agrees with the reference for any lengths, channels and heads', async () => {
    const options = [
      { length: 1, channels: 1, heads: 1 },
      { length: 7, channels: 6, heads: 2, causal: true },
      { length: 5, channels: 9, heads: 9 },
      { length: 30, channels: 4, heads: 1, causal: true },
      { length: 26, channels: 40, heads: 2 },
    ];
    for (const [index, { length, channels, ...attention }] of options.entries()) {
      const layers: Chain['layers'] = [
        { type: 'dense', units: channels },
        { type: 'positionEmbedding' },
        { type: 'selfAttention', ...attention },
        { type: 'dense', units: 2 },
      ];
      await expectAsReference({ input: [length, 3], layers }, index, { count: 3 });
      const first: Chain['layers'] = [{ type: 'selfAttention', ...attention }, { type: 'positionEmbedding' }];
      await expectAsReference({ input: [length, channels], layers: first }, index + 10, { count: 2 });
    }
  });
});
