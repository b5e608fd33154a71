import * as tf from '@tensorflow/tfjs-core';
import type { LayerOf } from '../../tasks/layers.ts';
import { product } from './dense.ts';
import type { Pass } from './pass.ts';

/** Layers of sequences without recurrence: tables of vectors, and attention. */

/** @param x - [batch, length], whole numbers as float32 */
export const embedding = (x: tf.Tensor, { take }: Pass): tf.Tensor => tf.gather(take(), tf.cast(x, 'int32'));

/** @param x - [batch, length, channels] */
export const positionEmbedding = (x: tf.Tensor, { take }: Pass): tf.Tensor => tf.add(x, take());

/** So far below every score that exp of it is zero, and still a number in any float format of 32 bits. */
const never = -1e9;

/** [length, length]: zero where a place (row) may see another (column), and `never` where that one is behind it. */
function causalMask(length: number): tf.Tensor {
  const mask = Float32Array.from({ length: length * length }, (_, i) =>
    i % length > Math.floor(i / length) ? never : 0,
  );
  return tf.tensor(mask, [length, length]);
}

/**
 * softmax(Q Kᵀ / sqrt(width)) V for each head, joined and projected once more.
 * @param x - [batch, length, channels]
 * @see Vaswani et al., Attention Is All You Need, 2017, section 3.2
 */
export function selfAttention({ heads, causal }: LayerOf<'selfAttention'>, x: tf.Tensor, { take }: Pass): tf.Tensor {
  const [batch, length, channels] = x.shape as [number, number, number];
  const width = channels / heads;
  const project = (input: tf.Tensor): tf.Tensor => {
    const projected = product(input, take());
    return tf.add(projected, take());
  };
  const split = (input: tf.Tensor): tf.Tensor =>
    tf.transpose(tf.reshape(input, [batch, length, heads, width]), [0, 2, 1, 3]); // [batch, heads, length, width]
  const [query, key, value] = [split(project(x)), split(project(x)), split(project(x))];
  const scores = tf.mul(tf.matMul(query, key, false, true), 1 / Math.sqrt(width)); // [batch, heads, length, length]
  const seen = tf.softmax(causal ? tf.add(scores, causalMask(length)) : scores);
  const joined = tf.reshape(tf.transpose(tf.matMul(seen, value), [0, 2, 1, 3]), [batch, length, channels]);
  return project(joined);
}
