import * as tf from '@tensorflow/tfjs-core';
import { transposedWindowOf, type LayerOf } from '../../tasks/layers.ts';
import { activate } from './activations.ts';
import type { Pass } from './pass.ts';

/** Convolutions over [batch, (height,) width, channels]. */

type Filtering = LayerOf<'conv1d' | 'conv2d' | 'conv2dTranspose' | 'depthwiseConv2d'>;

const finish = (y: tf.Tensor, { useBias, activation }: Filtering, { take }: Pass): tf.Tensor =>
  activate(useBias ? tf.add(y, take()) : y, activation);

export function conv1d(layer: LayerOf<'conv1d'>, x: tf.Tensor, pass: Pass): tf.Tensor {
  const { strides, padding } = layer;
  return finish(tf.conv1d(x as tf.Tensor3D, pass.take() as tf.Tensor3D, strides, padding), layer, pass);
}

export function conv2d(layer: LayerOf<'conv2d'>, x: tf.Tensor, pass: Pass): tf.Tensor {
  const { strides, padding } = layer;
  return finish(tf.conv2d(x as tf.Tensor4D, pass.take() as tf.Tensor4D, strides, padding), layer, pass);
}

export function depthwiseConv2d(layer: LayerOf<'depthwiseConv2d'>, x: tf.Tensor, pass: Pass): tf.Tensor {
  const { strides, padding } = layer;
  return finish(tf.depthwiseConv2d(x as tf.Tensor4D, pass.take() as tf.Tensor4D, strides, padding), layer, pass);
}

export function conv2dTranspose(layer: LayerOf<'conv2dTranspose'>, x: tf.Tensor, pass: Pass): tf.Tensor {
  const { kernelSize, strides, padding, filters } = layer;
  const [batch, height, width] = x.shape as [number, number, number, number];
  const sides = [height, width].map(
    (side, axis) => transposedWindowOf(side, kernelSize[axis]!, strides[axis]!, padding).output,
  ) as [number, number];
  const y = tf.conv2dTranspose(
    x as tf.Tensor4D,
    pass.take() as tf.Tensor4D,
    [batch, ...sides, filters],
    strides,
    padding,
  );
  return finish(y, layer, pass);
}
