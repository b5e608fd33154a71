import * as tf from '@tensorflow/tfjs-core';
// For its side effect: registers the gradients of the operations. See `imports` in package.json: plain Node cannot load the
// file that does only that, and a bundle for browsers should not hold the layers that come with the other.
import '#gradients'; // oxlint-disable-line import/no-unassigned-import
import type { LayerSpec } from '../../tasks/layers.ts';
import { losses, type ModelSpec } from '../../tasks/model.ts';
import { dropoutMask } from '../dropout.ts';
import { sizeOf } from '../../weights.ts';
import { activate } from './activations.ts';
import { conv1d, conv2d, conv2dTranspose, depthwiseConv2d } from './convolution.ts';
import { dense } from './dense.ts';
import { batchNormalization, layerNormalization } from './normalisation.ts';
import type { Pass } from './pass.ts';
import * as pooling from './pooling.ts';
import { gru, lstm } from './recurrent.ts';
import { embedding, positionEmbedding, selfAttention } from './sequence.ts';

/**
 * The forward pass of a model in TensorFlow.js operations. Chained methods (`x.relu()`) do not exist in plain Node, so
 * everything is written `tf.relu(x)`.
 */

/** @param x - [batch, ...input], without a gradient of its own where it is the data: TensorFlow.js then computes none */
function apply(layer: LayerSpec, x: tf.Tensor, pass: Pass): tf.Tensor {
  const batch = x.shape[0]!;
  switch (layer.type) {
    case 'dense':
      return dense(layer, x, pass);
    case 'conv1d':
      return conv1d(layer, x, pass);
    case 'conv2d':
      return conv2d(layer, x, pass);
    case 'conv2dTranspose':
      return conv2dTranspose(layer, x, pass);
    case 'depthwiseConv2d':
      return depthwiseConv2d(layer, x, pass);
    case 'maxPooling1d':
      return pooling.maxPooling1d(layer, x);
    case 'averagePooling1d':
      return pooling.averagePooling1d(layer, x);
    case 'maxPooling2d':
      return pooling.maxPooling2d(layer, x);
    case 'averagePooling2d':
      return pooling.averagePooling2d(layer, x);
    case 'globalMaxPooling1d':
    case 'globalMaxPooling2d':
      return pooling.globalMaxPooling(x);
    case 'globalAveragePooling1d':
    case 'globalAveragePooling2d':
      return pooling.globalAveragePooling(x);
    case 'upSampling2d':
      return pooling.upSampling2d(layer, x);
    case 'flatten':
      return tf.reshape(x, [batch, -1]);
    case 'reshape':
      return tf.reshape(x, [batch, ...layer.targetShape]);
    case 'activation':
      return activate(x, layer.activation);
    case 'dropout':
      return pass.training ? tf.mul(x, pass.mask(x.shape, layer.rate)) : x;
    case 'batchNormalization':
      return batchNormalization(layer, x, pass);
    case 'layerNormalization':
      return layerNormalization(layer, x, pass);
    case 'embedding':
      return embedding(x, pass);
    case 'positionEmbedding':
      return positionEmbedding(x, pass);
    case 'lstm':
      return lstm(layer, x, pass);
    case 'gru':
      return gru(layer, x, pass);
    case 'selfAttention':
      return selfAttention(layer, x, pass);
    case 'residual':
      return tf.add(x, chain(layer.layers, x, pass));
    default:
      return layer satisfies never;
  }
}

const chain = (layers: readonly LayerSpec[], x: tf.Tensor, pass: Pass): tf.Tensor =>
  layers.reduce((y, layer) => apply(layer, y, pass), x);

export interface ForwardOptions {
  /** Absent in evaluation. */
  readonly training?: {
    /** Of dropout, see `Engine.step`. */
    readonly seed: number;
    /** Takes what a statistic of the model becomes by this batch. */
    readonly observe: Pass['observe'];
  };
}

/**
 * What the loss is computed from: the output of the last layer, or its logits where the loss is a cross entropy (which is
 * exact from logits only).
 * @param weights - the model's weights in order of its layout
 * @param x - [batch, ...input]
 * @returns [batch, ...output]
 */
export function forward(
  { layers, loss }: ModelSpec,
  weights: readonly tf.Tensor[],
  x: tf.Tensor,
  { training }: ForwardOptions = {},
): tf.Tensor {
  let nextWeight = 0;
  let nextDropout = 0;
  const last = layers.at(-1)!;
  const isCut = losses[loss].end !== null && 'activation' in last;
  return chain(isCut ? [...layers.slice(0, -1), { ...last, activation: 'linear' }] : layers, x, {
    training: training !== undefined,
    take: () => weights[nextWeight++]!,
    mask: (shape, rate) => {
      const mask = dropoutMask(training?.seed ?? 0, nextDropout++, rate, new Float32Array(sizeOf(shape)));
      return tf.tensor(mask, [...shape]);
    },
    observe: training?.observe ?? (() => {}),
  });
}

/** The model's output from what `forward` gives. */
export const finish = ({ loss }: ModelSpec, y: tf.Tensor): tf.Tensor => activate(y, losses[loss].end ?? 'linear');
