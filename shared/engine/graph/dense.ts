import * as tf from '@tensorflow/tfjs-core';
import type { LayerOf } from '../../tasks/layers.ts';
import { activate } from './activations.ts';
import type { Pass } from './pass.ts';

/**
 * x W over the last axis. The other axes are rows of one product, which is faster than a product for each example.
 * @param x - [batch, ...places, inputs]
 * @param kernel - [inputs, units]
 * @returns [batch, ...places, units]
 */
export function product(x: tf.Tensor, kernel: tf.Tensor): tf.Tensor {
  const [inputs, units] = kernel.shape as [number, number];
  if (x.rank === 2) return tf.matMul(x, kernel);
  return tf.reshape(tf.matMul(tf.reshape(x, [-1, inputs]), kernel), [...x.shape.slice(0, -1), units]);
}

/** @param x - [batch, ...places, inputs] */
export function dense({ useBias, activation }: LayerOf<'dense'>, x: tf.Tensor, { take }: Pass): tf.Tensor {
  const y = product(x, take());
  return activate(useBias ? tf.add(y, take()) : y, activation);
}
