import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-layers'; // oxlint-disable-line import/no-unassigned-import -- brings the gradients of all operations
import { expect } from 'chai';
import { sizeOf } from '../../../../../shared/weights.ts';
import { expectClose, numbers, useTrainingBackend } from './training-backend.ts';

/**
 * The gradient of sum(r · f(x)) for random r, by TensorFlow.js and by central differences. `step` may be large where f is
 * linear in each number of x.
 */
function checkGradient(
  shape: readonly number[],
  step: number,
  f: (x: tf.Tensor) => tf.Tensor,
  values?: number[],
): void {
  const x = values ?? [...numbers(sizeOf(shape), 11)];
  const loss = (at: readonly number[]): number =>
    tf.tidy(() => {
      const y = f(tf.tensor([...at], [...shape])).dataSync() as Float32Array;
      const r = numbers(y.length, 12);
      return y.reduce((sum, value, i) => sum + value * r[i]!, 0); // in double precision
    });
  const gradient = tf.tidy(() => {
    const weigh = (own: tf.Tensor): tf.Tensor => {
      const y = f(own);
      return tf.sum(tf.mul(y, tf.tensor(numbers(y.size, 12), y.shape)));
    };
    return tf
      .grad(weigh)(tf.tensor(x, [...shape]))
      .dataSync();
  });
  const expected = x.map((value, i) => (loss(x.with(i, value + step)) - loss(x.with(i, value - step))) / (2 * step));
  expectClose(gradient, expected, 1e-4);
}

describe('gradients on the wasm backend agree with central differences', () => {
  useTrainingBackend();
  const weights = (...shape: number[]): tf.Tensor => tf.tensor(numbers(sizeOf(shape), 13), shape);

  it('for products of batches, by either operand', () => {
    checkGradient([2, 3, 4], 0.5, (x) => tf.matMul(x, weights(2, 4, 5)));
    checkGradient([2, 4, 3], 0.5, (x) => tf.matMul(x, weights(2, 4, 5), true));
    checkGradient([2, 4, 5], 0.5, (x) => tf.matMul(weights(2, 3, 4), x));
    checkGradient([2, 5, 4], 0.5, (x) => tf.matMul(weights(2, 3, 4), x, false, true));
  });

  it('for convolutions: strides, paddings, by input and filter', () => {
    for (const pad of ['same', 'valid', 1] as const) {
      for (const strides of [1, 2] as const) {
        checkGradient([2, 5, 4, 3], 0.5, (x) =>
          tf.conv2d(x as tf.Tensor4D, weights(3, 2, 3, 4) as tf.Tensor4D, strides, pad),
        );
        checkGradient([3, 2, 3, 4], 0.5, (x) =>
          tf.conv2d(weights(2, 5, 4, 3) as tf.Tensor4D, x as tf.Tensor4D, strides, pad),
        );
      }
    }
  });

  it('for convolutions in one dimension and transposed ones', () => {
    checkGradient([3, 2, 4], 0.5, (x) => tf.conv1d(weights(2, 7, 2) as tf.Tensor3D, x as tf.Tensor3D, 2, 'same'));
    checkGradient([2, 3, 3, 2], 0.5, (x) =>
      tf.conv2dTranspose(x as tf.Tensor4D, weights(3, 3, 4, 2) as tf.Tensor4D, [2, 6, 6, 4], 2, 'same'),
    );
    checkGradient([3, 3, 4, 2], 0.5, (x) =>
      tf.conv2dTranspose(weights(2, 3, 3, 2) as tf.Tensor4D, x as tf.Tensor4D, [2, 6, 6, 4], 2, 'same'),
    );
  });

  it('for depthwise convolutions', () => {
    for (const strides of [1, 2] as const) {
      checkGradient([2, 5, 4, 3], 0.5, (x) =>
        tf.depthwiseConv2d(x as tf.Tensor4D, weights(3, 3, 3, 2) as tf.Tensor4D, strides, 'same'),
      );
      checkGradient([3, 3, 3, 2], 0.5, (x) =>
        tf.depthwiseConv2d(weights(2, 5, 4, 3) as tf.Tensor4D, x as tf.Tensor4D, strides, 'same'),
      );
    }
  });

  it('for maxima and averages of windows that reach over the border', () => {
    const shape = [1, 5, 4, 2];
    // Numbers at least 0.1 apart in an order that looks random, so that no step changes which is largest.
    const apart = Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 17) % 40) / 10);
    for (const strides of [1, 2] as const) {
      checkGradient(shape, 0.03, (x) => tf.maxPool(x as tf.Tensor4D, 3, strides, 'same'), apart);
      checkGradient(shape, 0.5, (x) => tf.avgPool(x as tf.Tensor4D, 3, strides, 'same'));
    }
  });

  it('for look-ups with repeated indices', () => {
    checkGradient([4, 3], 0.5, (x) => tf.gather(x, tf.tensor2d([0, 2, 2, 1, 0, 2], [2, 3], 'int32')));
    checkGradient([2, 4, 3], 0.5, (x) => tf.gather(x, tf.tensor1d([3, 0, 3], 'int32'), 1));
  });

  it('and so do those of the cpu backend where it is right: a chain of everything', async () => {
    const chain = (x: tf.Tensor): tf.Tensor => {
      const convolved = tf.conv2d(x as tf.Tensor4D, weights(3, 3, 2, 4) as tf.Tensor4D, 1, 'same');
      const pooled = tf.maxPool(
        tf.depthwiseConv2d(convolved, weights(3, 3, 4, 1) as tf.Tensor4D, 1, 'same'),
        2,
        2,
        'valid',
      );
      return tf.sum(tf.square(tf.matMul(tf.reshape(pooled, [2, -1]), weights(36, 5))));
    };
    const run = (): Float32Array =>
      tf.tidy(
        () =>
          tf
            .grad(chain)(weights(2, 6, 6, 2))
            .dataSync() as Float32Array,
      );
    const ours = run();
    await tf.setBackend('cpu');
    const theirs = run();
    await tf.setBackend('wasm');
    expect(ours.some((value) => value !== 0)).to.equal(true);
    expectClose(ours, theirs);
  });
});
