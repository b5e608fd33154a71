import * as tf from '@tensorflow/tfjs-core';
import { FederatedError } from '../errors.ts';
import type { ModelSpec } from '../tasks/model.ts';

/**
 * Mean cross entropy of logits, stable for any size of logits: -log softmax(z)_label = logsumexp(z) - z_label. Its
 * gradient, (softmax(z) - onehot) / batch, is written out, since differentiating logsumexp step by step costs more.
 * @param logits - [batch, classes]
 * @param onehot - [batch, classes]
 */
function crossEntropy(logits: tf.Tensor, onehot: tf.Tensor): tf.Scalar {
  const compute = tf.customGrad((...inputs: (tf.Tensor | tf.GradSaveFunc)[]) => {
    const [z, save] = inputs as [tf.Tensor, tf.GradSaveFunc];
    const logSoftmax = tf.sub(z, tf.logSumExp(z, -1, true));
    save([logSoftmax, onehot]); // what is not saved is gone before the backward pass
    return {
      value: tf.neg(tf.mean(tf.sum(tf.mul(onehot, logSoftmax), -1))),
      gradFunc: (dy: tf.Tensor, [savedLogSoftmax, savedOnehot]: tf.Tensor[]) =>
        tf.mul(tf.div(dy, z.shape[0]!), tf.sub(tf.exp(savedLogSoftmax!), savedOnehot!)),
    };
  });
  return compute(logits) as tf.Scalar;
}

/** [batch, classes] with a one at each label. @throws FederatedError BAD_DATA for a label outside 0 .. classes - 1 */
function onehotOf(labels: Int32Array | Float32Array, classes: number): tf.Tensor {
  const onehot = new Float32Array(labels.length * classes);
  for (const [i, label] of labels.entries()) {
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      throw new FederatedError('BAD_DATA', `data: label ${label} of example ${i}: expected 0 to ${classes - 1}`);
    }
    onehot[i * classes + label] = 1;
  }
  return tf.tensor2d(onehot, [labels.length, classes]);
}

/**
 * The loss of a batch, mean over its examples (and over the targets of each).
 * @param output - [batch, ...output], logits where the loss is a cross entropy
 * @param ys - labels [batch] or targets [batch, ...output]
 * @throws FederatedError BAD_DATA for a label that is no class
 */
export function lossOf(loss: ModelSpec['loss'], output: tf.Tensor, ys: Int32Array | Float32Array): tf.Scalar {
  switch (loss) {
    case 'sparse-categorical-crossentropy':
      return crossEntropy(output, onehotOf(ys, output.shape[1]!));
    case 'mean-squared-error':
      return tf.mean(tf.squaredDifference(output, tf.tensor(ys, output.shape, 'float32')));
    default:
      return loss satisfies never;
  }
}
