import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import fc from 'fast-check';
import { convolution } from '../../../../../shared/engine/kernels/plain/convolution.ts';
import { images, padFor, turn, type Shape4D } from './images.ts';
import { anyWindows, expectClose, expectRefusal, numbers, runKernel, useTrainingBackend } from './training-backend.ts';

describe('convolutions on the wasm backend', () => {
  useTrainingBackend();

  it('agree with the definition: strides, dilations, paddings, both orders of axes, with and without bias', () => {
    fc.assert(
      fc.property(
        anyWindows(3),
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        fc.boolean(),
        fc.nat(1e9),
        ({ windows: w, padding }, filters, isFirst, isFused, seed) => {
          const shape: Shape4D = [w.batch, w.height, w.width, w.channels];
          const x = numbers(w.batch * w.height * w.width * w.channels, seed);
          const filter = numbers(w.kernelHeight * w.kernelWidth * w.channels * filters, seed + 1);
          const bias = numbers(filters, seed + 2);
          const inputs = {
            x: images(x, shape, isFirst),
            filter: tf.tensor4d(filter, [w.kernelHeight, w.kernelWidth, w.channels, filters]),
            ...(isFused ? { bias: tf.tensor1d(bias) } : {}),
          };
          const result = runKernel(isFused ? 'FusedConv2D' : 'Conv2D', inputs, {
            strides: [w.strideHeight, w.strideWidth],
            dilations: [w.dilationHeight, w.dilationWidth],
            pad: padFor(padding, isFirst),
            dataFormat: isFirst ? 'NCHW' : 'NHWC',
            activation: 'relu',
          });
          const places = w.outHeight * w.outWidth;
          expect(result.shape).to.deep.equal(
            isFirst ? [w.batch, filters, w.outHeight, w.outWidth] : [w.batch, w.outHeight, w.outWidth, filters],
          );
          const expected = convolution(w, filters, x, filter).map((value, i) =>
            isFused ? Math.max(0, value + bias[i % filters]!) : value,
          );
          expectClose(isFirst ? turn(result.values, w.batch, filters, places) : result.values, expected);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('agree with the definition where the windows of an image are laid out in parts', () => {
    // 40 x 40 places of 3 x 3 x 40 floats are 2.3 MB, more than is laid out at a time.
    const w = {
      batch: 2,
      height: 40,
      width: 40,
      channels: 40,
      outHeight: 40,
      outWidth: 40,
      kernelHeight: 3,
      kernelWidth: 3,

      strideHeight: 1,
      strideWidth: 1,
      dilationHeight: 1,
      dilationWidth: 1,
      top: 1,
      left: 1,
    };
    const [x, filter] = [numbers(2 * 40 * 40 * 40, 5), numbers(9 * 40 * 3, 6)];
    const { values } = runKernel(
      'Conv2D',
      { x: tf.tensor4d(x, [2, 40, 40, 40]), filter: tf.tensor4d(filter, [3, 3, 40, 3]) },
      { strides: 1, pad: 'same', dataFormat: 'NHWC', dilations: 1 },
    );
    expectClose(values, convolution(w, 3, x, filter));
  });

  it('refuse what they cannot do', () => {
    const attrs = { strides: 1, pad: 'valid', dataFormat: 'NHWC', dilations: 1 };
    const refuse = (x: tf.Tensor, filter: tf.Tensor, text: RegExp, more: Record<string, tf.Tensor> = {}): void =>
      expectRefusal(() => runKernel('FusedConv2D', { x, filter, ...more }, attrs), 'BAD_ARGUMENT', text);
    refuse(tf.ones([1, 4, 4, 6]), tf.ones([2, 2, 3, 2]), /grouped convolution is not supported/);
    refuse(tf.ones([4, 4, 3]), tf.ones([2, 2, 3, 2]), /must have 4 axes each/);
    refuse(tf.ones([1, 4, 4, 3]), tf.ones([2, 2, 3, 2], 'int32'), /float32 tensors, got int32/);
    refuse(tf.ones([1, 4, 4, 3]), tf.ones([2, 2, 3, 2]), /bias must be \[2\]/, { bias: tf.ones([3]) });
  });
});
