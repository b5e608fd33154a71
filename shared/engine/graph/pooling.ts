import * as tf from '@tensorflow/tfjs-core';
import { windowOf, type LayerOf } from '../../tasks/layers.ts';
import { withGradient } from './custom-gradient.ts';

/** Pooling and its inverse, over [batch, (height,) width, channels]. */

type Pair = readonly [number, number];
interface Pooling {
  readonly poolSize: Pair;
  readonly strides: Pair;
  readonly padding: 'valid' | 'same';
}

const maxPool = (x: tf.Tensor, { poolSize, strides, padding }: Pooling): tf.Tensor =>
  tf.maxPool(x as tf.Tensor4D, [...poolSize], [...strides], padding);

/** How many of `input` values lie in each window that `same` makes. */
function valuesIn(input: number, pool: number, stride: number): number[] {
  const { output, before } = windowOf(input, pool, stride, 'same');
  return Array.from({ length: output }, (_, i) => {
    const from = i * stride - before;
    return Math.min(input, from + pool) - Math.max(0, from);
  });
}

/**
 * The mean over each window, without its padding. TensorFlow.js divides by the whole window in the gradient of windows that
 * reach over the edge, so for those the zeros are put there by us, and the sum is divided by the number of real values.
 */
function averagePool(x: tf.Tensor, { poolSize, strides, padding }: Pooling): tf.Tensor {
  const [, height, width] = x.shape as [number, number, number, number];
  const mean = (values: tf.Tensor): tf.Tensor =>
    tf.avgPool(values as tf.Tensor4D, [...poolSize], [...strides], 'valid');
  if (padding === 'valid') return mean(x);
  const sides = [height, width].map((side, axis) => {
    const { output, before } = windowOf(side, poolSize[axis]!, strides[axis]!, 'same');
    const padded = (output - 1) * strides[axis]! + poolSize[axis]!;
    return [before, Math.max(0, padded - side - before)] as [number, number];
  });
  if (sides.flat().every((zeros) => zeros === 0)) return mean(x);
  const rows = valuesIn(height, poolSize[0], strides[0]);
  const columns = valuesIn(width, poolSize[1], strides[1]);
  const area = poolSize[0] * poolSize[1];
  const scale = Float32Array.from(rows.flatMap((row) => columns.map((column) => area / (row * column))));
  const padded = tf.pad(x, [[0, 0], ...sides, [0, 0]]);
  return tf.mul(mean(padded), tf.tensor(scale, [1, rows.length, columns.length, 1]));
}

export const maxPooling2d = (
  { poolSize, strides = poolSize, padding }: LayerOf<'maxPooling2d'>,
  x: tf.Tensor,
): tf.Tensor => maxPool(x, { poolSize, strides, padding });

export const averagePooling2d = (
  { poolSize, strides = poolSize, padding }: LayerOf<'averagePooling2d'>,
  x: tf.Tensor,
): tf.Tensor => averagePool(x, { poolSize, strides, padding });

/** A sequence as an image of height 1. */
function along(
  pool: (x: tf.Tensor, pooling: Pooling) => tf.Tensor,
  { poolSize, strides = poolSize, padding }: LayerOf<'maxPooling1d' | 'averagePooling1d'>,
  x: tf.Tensor,
): tf.Tensor {
  return tf.squeeze(pool(tf.expandDims(x, 1), { poolSize: [1, poolSize], strides: [1, strides], padding }), [1]);
}

export const maxPooling1d = (layer: LayerOf<'maxPooling1d'>, x: tf.Tensor): tf.Tensor => along(maxPool, layer, x);

export const averagePooling1d = (layer: LayerOf<'averagePooling1d'>, x: tf.Tensor): tf.Tensor =>
  along(averagePool, layer, x);

/** All axes between the batch and the channels. */
const places = (x: tf.Tensor): number[] => Array.from({ length: x.rank - 2 }, (_, i) => i + 1);

export const globalAveragePooling = (x: tf.Tensor): tf.Tensor => tf.mean(x, places(x));

/**
 * The largest value of each channel. Places with the same largest value share its gradient: TensorFlow.js gives each of
 * them all of it, which is too much where the same window comes twice in a sequence.
 */
export function globalMaxPooling(x: tf.Tensor): tf.Tensor {
  const axes = places(x);
  return withGradient(
    x,
    () => {
      const value = tf.max(x, axes);
      return { value, saved: [x, value] };
    },
    (dy, [input, value]) => {
      const shape = input!.shape.map((side, axis) => (axes.includes(axis) ? 1 : side));
      const isLargest = tf.cast(tf.equal(input!, tf.reshape(value!, shape)), 'float32');
      return tf.mul(isLargest, tf.div(tf.reshape(dy, shape), tf.sum(isLargest, axes, true)));
    },
  );
}

/**
 * Each row and column `size` times. The gradient adds up what came of each value; TensorFlow.js's own is wrong on its cpu
 * backend for more than one example.
 */
export function upSampling2d({ size }: LayerOf<'upSampling2d'>, x: tf.Tensor): tf.Tensor {
  const [, height, width] = x.shape as [number, number, number, number];
  return withGradient(
    x,
    () => ({
      value: tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [height * size[0], width * size[1]]),
      saved: [],
    }),
    (dy) => tf.mul(tf.avgPool(dy as tf.Tensor4D, size, size, 'valid'), size[0] * size[1]),
  );
}
