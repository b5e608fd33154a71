import type { LayerOf } from '../../tasks/layers.ts';
import { gemm, gemmScratch, rowMajor, transposed, type Matrix } from '../kernels/gemm.ts';
import type { Place, Stage, Weight } from './stage.ts';

/**
 * softmax(Q Kᵀ / sqrt(width)) V for each head, joined and projected once more; Q, K and V are projections of x
 * [length, channels], of which each head has `width` channels.
 * @see Vaswani et al., Attention Is All You Need, 2017, section 3.2
 */
export function selfAttentionStage({ heads, causal }: LayerOf<'selfAttention'>, place: Place): Stage {
  const { kernels, arena, capacity, input, inputShape } = place;
  const [length, channels] = inputShape as [number, number];
  const width = channels / heads;
  const scale = 1 / Math.sqrt(width);
  const each = length * channels;
  const rows = capacity * length;
  const [queryKernel, queryBias, keyKernel, keyBias, valueKernel, valueBias, endKernel, endBias] = place.weights as [Weight, Weight, Weight, Weight, Weight, Weight, Weight, Weight]; // prettier-ignore

  const reserve = (): number => arena.reserve(capacity * each);
  const [query, key, value, joined, output] = [reserve(), reserve(), reserve(), reserve(), reserve()];
  const [dQuery, dKey, dValue, dJoined] = [reserve(), reserve(), reserve(), reserve()];
  /** Of each example and head, [length, length]. */
  const weights = arena.reserve(capacity * heads * length ** 2);
  const dWeights = arena.reserve(length ** 2);
  const scratch = place.scratch(
    Math.max(
      gemmScratch(rows, channels, channels),
      gemmScratch(channels, channels, rows),
      gemmScratch(length, Math.max(length, width), Math.max(length, width)),
    ) / 4,
  );

  /** y = x kernel + bias over all places. */
  const project = (y: number, x: number, kernel: Weight, bias: Weight, count: number): void => {
    const shape = [count * length, channels, channels] as const;
    gemm(kernels, y, shape, rowMajor(x, channels), rowMajor(kernel.at, channels), { scratch: scratch() });
    kernels.activate(y, bias.at, count * length, channels, 0);
  };
  /** dx = dy kernelᵀ + beta dx */
  const projectBack = (dx: number, dy: number, kernel: Weight, count: number, beta: number): void => {
    const shape = [count * length, channels, channels] as const;
    const turned = transposed(rowMajor(kernel.at, channels));
    gemm(kernels, dx, shape, rowMajor(dy, channels), turned, { beta, scratch: scratch() });
  };
  /** The columns of one head in the places of one example. */
  const part = (of: number, example: number, head: number): Matrix =>
    rowMajor(of + 4 * (example * each + head * width), channels);
  const eachHead = (count: number, work: (of: (at: number) => Matrix, weights: number) => void): void => {
    for (let example = 0; example < count; example++) {
      for (let head = 0; head < heads; head++) {
        work((at) => part(at, example, head), weights + 4 * (example * heads + head) * length ** 2);
      }
    }
  };

  return {
    output,
    forward({ count }) {
      project(query, input, queryKernel, queryBias, count);
      project(key, input, keyKernel, keyBias, count);
      project(value, input, valueKernel, valueBias, count);
      eachHead(count, (of, seen) => {
        const free = scratch();
        gemm(kernels, seen, [length, length, width], of(query), transposed(of(key)), { scratch: free });
        kernels.attentionWeights(seen, length, scale, causal);
        const { at, row } = of(joined);
        gemm(kernels, at, [length, width, length], rowMajor(seen, length), of(value), { row, scratch: free });
      });
      project(output, joined, endKernel, endBias, count);
    },
    backward({ count, land }, dOutput, dInput) {
      projectBack(dJoined, dOutput, endKernel, count, 0);
      eachHead(count, (of, seen) => {
        const free = scratch();
        const row = 4 * channels;
        const [saw, dSaw] = [rowMajor(seen, length), rowMajor(dWeights, length)];
        gemm(kernels, dWeights, [length, length, width], of(dJoined), transposed(of(value)), { scratch: free });
        gemm(kernels, of(dValue).at, [length, width, length], transposed(saw), of(dJoined), { row, scratch: free });
        kernels.softmaxBack(dWeights, seen, length, length, scale);
        gemm(kernels, of(dQuery).at, [length, width, length], dSaw, of(key), { row, scratch: free });
        gemm(kernels, of(dKey).at, [length, width, length], transposed(dSaw), of(query), { row, scratch: free });
      });
      if (dInput !== null) {
        projectBack(dInput, dQuery, queryKernel, count, 0);
        projectBack(dInput, dKey, keyKernel, count, 1);
        projectBack(dInput, dValue, valueKernel, count, 1);
      }
      const projections = [
        [input, dQuery, queryKernel, queryBias],
        [input, dKey, keyKernel, keyBias],
        [input, dValue, valueKernel, valueBias],
        [joined, dOutput, endKernel, endBias],
      ] as const;
      for (const [x, dy, kernel, bias] of projections) {
        const { at, alpha, beta } = land(kernel);
        const shape = [channels, channels, count * length] as const;
        gemm(kernels, at, shape, transposed(rowMajor(x, channels)), rowMajor(dy, channels), { alpha, beta, scratch: scratch() }); // prettier-ignore
        const landing = land(bias);
        kernels.columnSums(landing.at, dy, count * length, channels, landing.alpha, landing.beta);
      }
    },
  };
}
