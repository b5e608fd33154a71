import * as tf from '@tensorflow/tfjs-core';
import type { LayerOf } from '../../tasks/layers.ts';
import { withGradient } from './custom-gradient.ts';
import type { Pass } from './pass.ts';

/** Normalisation by statistics of the values themselves, and by statistics of earlier batches. */

interface Statistics {
  /** As `x`, with length 1 on the axes they are over. */
  readonly mean: tf.Tensor;
  /** Biased: the mean of the squared distances. */
  readonly variance: tf.Tensor;
}

/**
 * x̂ = (x - mean) / sqrt(variance + epsilon) for mean and variance of x itself. With r the root's inverse and means over
 * the axes, dx = r (dy - mean(dy) - x̂ mean(dy x̂)).
 */
function standardise(x: tf.Tensor, { mean, variance }: Statistics, axes: number[], epsilon: number): tf.Tensor {
  return withGradient(
    x,
    () => {
      const inverse = tf.rsqrt(tf.add(variance, epsilon));
      const value = tf.mul(tf.sub(x, mean), inverse);
      return { value, saved: [value, inverse] };
    },
    (dy, [value, inverse]) => {
      const along = tf.mul(value!, tf.mean(tf.mul(dy, value!), axes, true));
      return tf.mul(inverse!, tf.sub(tf.sub(dy, tf.mean(dy, axes, true)), along));
    },
  );
}

/**
 * By the statistics of the batch in training, which then move the kept ones; by the kept ones otherwise.
 * @see Ioffe and Szegedy, Batch Normalization, 2015, Algorithms 1 and 2
 */
export function batchNormalization(
  { momentum, epsilon }: LayerOf<'batchNormalization'>,
  x: tf.Tensor,
  { training, take, observe }: Pass,
): tf.Tensor {
  const [gamma, beta, movingMean, movingVariance] = [take(), take(), take(), take()];
  if (!training) {
    const scale = tf.mul(gamma, tf.rsqrt(tf.add(movingVariance, epsilon)));
    return tf.add(tf.mul(tf.sub(x, movingMean), scale), beta);
  }
  const axes = Array.from({ length: x.rank - 1 }, (_, i) => i);
  const statistics = tf.moments(x, axes, true);
  const move = (moving: tf.Tensor, now: tf.Tensor): void =>
    observe(moving, tf.add(tf.mul(moving, momentum), tf.mul(tf.reshape(now, moving.shape), 1 - momentum)));
  move(movingMean, statistics.mean);
  move(movingVariance, statistics.variance);
  return tf.add(tf.mul(standardise(x, statistics, axes, epsilon), gamma), beta);
}

/** @see Ba, Kiros and Hinton, Layer Normalization, 2016 */
export function layerNormalization(
  { epsilon }: LayerOf<'layerNormalization'>,
  x: tf.Tensor,
  { take }: Pass,
): tf.Tensor {
  const axes = [x.rank - 1];
  const standardised = standardise(x, tf.moments(x, axes, true), axes, epsilon);
  const gamma = take();
  return tf.add(tf.mul(standardised, gamma), take());
}
