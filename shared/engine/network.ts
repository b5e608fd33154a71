import * as tf from '@tensorflow/tfjs-core';
// For its side effect: in plain Node this is what registers the gradients of the operations.
import '@tensorflow/tfjs-layers'; // oxlint-disable-line import/no-unassigned-import
import type { LayerSpec, ModelSpec } from '../tasks/model.ts';

/**
 * The forward pass of a model in TensorFlow.js operations. Chained methods (`x.relu()`) do not exist in plain Node, so
 * everything is written `tf.relu(x)`.
 */

type Activation = Extract<LayerSpec, { type: 'dense' }>['activation'];

function activate(x: tf.Tensor, activation: Activation): tf.Tensor {
  switch (activation) {
    case 'linear':
      return x;
    case 'relu':
      return tf.relu(x);
    case 'sigmoid':
      return tf.sigmoid(x);
    case 'tanh':
      return tf.tanh(x);
    case 'softmax':
      return tf.softmax(x);
    default:
      return activation satisfies never;
  }
}

/**
 * x W with a backward pass of its own. The WebAssembly backend has a fast product for operands as they lie in memory and a
 * naive loop for those to be transposed while multiplying, so here the small operand is turned first: the gradients are
 * transpose(x) dy and transpose(W transpose(dy)).
 * @param x - [batch, inputs]
 * @param kernel - [inputs, units]
 * @param isFirst - x is data, which needs no gradient
 */
function product(x: tf.Tensor, kernel: tf.Tensor, isFirst: boolean): tf.Tensor {
  const kernelGradient = (input: tf.Tensor, dy: tf.Tensor): tf.Tensor => tf.matMul(tf.transpose(input), dy);
  if (isFirst) {
    return tf.customGrad((...inputs: (tf.Tensor | tf.GradSaveFunc)[]) => {
      const [w, save] = inputs as [tf.Tensor, tf.GradSaveFunc];
      save([x]);
      return {
        value: tf.matMul(x, w),
        gradFunc: (dy: tf.Tensor, [input]: tf.Tensor[]) => kernelGradient(input!, dy),
      };
    })(kernel);
  }
  return tf.customGrad((...inputs: (tf.Tensor | tf.GradSaveFunc)[]) => {
    const [a, w, save] = inputs as [tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    save([a, w]);
    return {
      value: tf.matMul(a, w),
      gradFunc: (dy: tf.Tensor, [input, weights]: tf.Tensor[]) => [
        tf.transpose(tf.matMul(weights!, tf.transpose(dy))),
        kernelGradient(input!, dy),
      ],
    };
  })(x, kernel);
}

/**
 * What the loss is computed from: the output of the last layer, or its logits where the loss is a cross entropy (which is
 * exact from logits only).
 * @param weights - the model's weights in order of its layout
 * @param x - [batch, ...input]
 * @returns [batch, ...output]
 */
export function forward(model: ModelSpec, weights: readonly tf.Tensor[], x: tf.Tensor): tf.Tensor {
  let next = 0;
  let y = x;
  for (const [index, layer] of model.layers.entries()) {
    switch (layer.type) {
      case 'flatten':
        y = tf.reshape(y, [y.shape[0]!, -1]);
        break;
      case 'dense': {
        const fromLogits = index === model.layers.length - 1 && model.loss === 'sparse-categorical-crossentropy';
        y = product(y, weights[next]!, next === 0);
        next++;
        if (layer.useBias) y = tf.add(y, weights[next++]!);
        y = activate(y, fromLogits ? 'linear' : layer.activation);
        break;
      }
      default:
        layer satisfies never;
    }
  }
  return y;
}
