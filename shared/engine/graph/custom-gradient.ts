import * as tf from '@tensorflow/tfjs-core';

/** The value of an operation, and the tensors that its backward pass will need: whatever is not saved is gone by then. */
export interface Saved {
  readonly value: tf.Tensor;
  readonly saved: readonly tf.Tensor[];
}

/**
 * An operation whose gradient is written by hand.
 * @param forward - its value
 * @param backward - from the gradient of the value and the saved tensors to the gradient of each input
 */
export function withGradients(
  inputs: readonly tf.Tensor[],
  forward: () => Saved,
  backward: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor[],
): tf.Tensor {
  const operation = tf.customGrad((...given: (tf.Tensor | tf.GradSaveFunc)[]) => {
    const { value, saved } = forward();
    (given.at(-1) as tf.GradSaveFunc)([...saved]);
    return { value, gradFunc: backward };
  });
  return operation(...inputs);
}

/** The same for one input. */
export const withGradient = (
  x: tf.Tensor,
  forward: () => Saved,
  backward: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor,
): tf.Tensor => withGradients([x], forward, (dy, saved) => [backward(dy, saved)]);
