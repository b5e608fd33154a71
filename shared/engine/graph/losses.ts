import * as tf from '@tensorflow/tfjs-core';
import type { LossName } from '../../tasks/model.ts';
import type { Examples } from '../engine.ts';
import { withGradient } from './custom-gradient.ts';

/**
 * Losses with gradients written by hand: they are shorter than what differentiating step by step gives, and the cross
 * entropies stay finite for any size of logits.
 */

/**
 * Mean over the rows of -Σ t log softmax(z), where log softmax(z) = z - logsumexp(z); its gradient is
 * (softmax(z) Σ t - t) / rows.
 * @param logits - [rows, classes]
 * @param targets - [rows, classes]
 */
function crossEntropy(logits: tf.Tensor, targets: tf.Tensor): tf.Tensor {
  return withGradient(
    logits,
    () => {
      const logSoftmax = tf.sub(logits, tf.logSumExp(logits, -1, true));
      return { value: tf.neg(tf.mean(tf.sum(tf.mul(targets, logSoftmax), -1))), saved: [logSoftmax, targets] };
    },
    (dy, [logSoftmax, t]) => {
      const slope = tf.sub(tf.mul(tf.exp(logSoftmax!), tf.sum(t!, -1, true)), t!);
      return tf.mul(slope, tf.div(dy, t!.shape[0]!));
    },
  );
}

/** A loss of one output and its target, and the derivative by the output. */
interface PointLoss {
  readonly value: (y: tf.Tensor, target: tf.Tensor) => tf.Tensor;
  readonly slope: (y: tf.Tensor, target: tf.Tensor) => tf.Tensor;
}

/** From the logit z: max(z, 0) - z t + log(1 + exp(-|z|)) = -t log p - (1 - t) log(1 - p) for p = sigmoid(z). */
const binaryCrossEntropy: PointLoss = {
  value: (z, t) => tf.add(tf.sub(tf.relu(z), tf.mul(z, t)), tf.log1p(tf.exp(tf.neg(tf.abs(z))))),
  slope: (z, t) => tf.sub(tf.sigmoid(z), t),
};
const squaredError: PointLoss = {
  value: (y, t) => tf.squaredDifference(y, t),
  slope: (y, t) => tf.mul(tf.sub(y, t), 2),
};
const absoluteError: PointLoss = {
  value: (y, t) => tf.abs(tf.sub(y, t)),
  slope: (y, t) => tf.sign(tf.sub(y, t)),
};
/** With e the distance and c the same cut off at ± 1: c (e - c / 2), which is e² / 2 within and |e| - 1 / 2 beyond. */
const huber: PointLoss = {
  value: (y, t) => {
    const e = tf.sub(y, t);
    const c = tf.clipByValue(e, -1, 1);
    return tf.mul(c, tf.sub(e, tf.mul(c, 0.5)));
  },
  slope: (y, t) => tf.clipByValue(tf.sub(y, t), -1, 1),
};

/** Mean of a loss over all outputs. @param output - of the same shape as the targets */
const meanOf = (loss: PointLoss, output: tf.Tensor, targets: tf.Tensor): tf.Tensor =>
  withGradient(
    output,
    () => ({ value: tf.mean(loss.value(output, targets)), saved: [output, targets] }),
    (dy, [y, t]) => tf.mul(loss.slope(y!, t!), tf.div(dy, t!.size)),
  );

/**
 * The loss of a batch, mean over its examples (and over the places or targets of each).
 * @param output - [batch, ...output], logits where the loss is a cross entropy
 * @param ys - labels [batch, ...places], or targets [batch, ...output]
 */
export function lossOf(loss: LossName, output: tf.Tensor, ys: Examples['ys']): tf.Scalar {
  const classes = output.shape.at(-1)!;
  const targets = (): tf.Tensor => tf.tensor(ys, output.shape, 'float32');
  const compute = (): tf.Tensor => {
    switch (loss) {
      case 'sparse-categorical-crossentropy': {
        // As whole numbers first: the wasm backend of 4.22 writes their bits where float32 is asked for.
        const labels = tf.tensor1d(ys, 'int32');
        // `oneHot` takes two classes or more.
        const onehot = classes === 1 ? tf.ones([ys.length, 1]) : tf.cast(tf.oneHot(labels, classes), 'float32');
        return crossEntropy(tf.reshape(output, [-1, classes]), onehot);
      }
      case 'categorical-crossentropy':
        return crossEntropy(tf.reshape(output, [-1, classes]), tf.reshape(targets(), [-1, classes]));
      case 'binary-crossentropy':
        return meanOf(binaryCrossEntropy, output, targets());
      case 'mean-squared-error':
        return meanOf(squaredError, output, targets());
      case 'mean-absolute-error':
        return meanOf(absoluteError, output, targets());
      case 'huber':
        return meanOf(huber, output, targets());
      default:
        return loss satisfies never;
    }
  };
  return compute() as tf.Scalar;
}
