import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import {
  depthwiseFilterGradient,
  depthwiseInputGradient,
} from '../../../../../shared/engine/kernels/plain/depthwise.ts';
import { anyWindows, expectClose, expectRefusal, numbers, runKernel, useTrainingBackend } from './training-backend.ts';

describe('gradients of depthwise convolutions on the wasm backend', () => {
  useTrainingBackend();

  const runs = fc.tuple(anyWindows(3), fc.integer({ min: 1, max: 3 }), fc.nat(1e9));

  it('agree with the definition for the filter: strides, dilations, paddings, multipliers', () => {
    fc.assert(
      fc.property(runs, ([{ windows: w, padding }, multiplier, seed]) => {
        const x = numbers(w.batch * w.height * w.width * w.channels, seed);
        const dy = numbers(w.batch * w.outHeight * w.outWidth * w.channels * multiplier, seed + 1);
        const { values } = runKernel(
          'DepthwiseConv2dNativeBackpropFilter',
          {
            x: tf.tensor4d(x, [w.batch, w.height, w.width, w.channels]),
            dy: tf.tensor4d(dy, [w.batch, w.outHeight, w.outWidth, w.channels * multiplier]),
          },
          {
            strides: [w.strideHeight, w.strideWidth],
            dilations: [w.dilationHeight, w.dilationWidth],
            pad: padding,
            filterShape: [w.kernelHeight, w.kernelWidth, w.channels, multiplier],
          },
        );
        expectClose(values, depthwiseFilterGradient(w, multiplier, x, dy));
      }),
      { numRuns: 80 },
    );
  });

  it('agree with the definition for the input: strides, dilations, paddings, multipliers', () => {
    fc.assert(
      fc.property(runs, ([{ windows: w, padding }, multiplier, seed]) => {
        const dy = numbers(w.batch * w.outHeight * w.outWidth * w.channels * multiplier, seed);
        const filter = numbers(w.kernelHeight * w.kernelWidth * w.channels * multiplier, seed + 1);
        const { values } = runKernel(
          'DepthwiseConv2dNativeBackpropInput',
          {
            dy: tf.tensor4d(dy, [w.batch, w.outHeight, w.outWidth, w.channels * multiplier]),
            filter: tf.tensor4d(filter, [w.kernelHeight, w.kernelWidth, w.channels, multiplier]),
          },
          {
            strides: [w.strideHeight, w.strideWidth],
            dilations: [w.dilationHeight, w.dilationWidth],
            pad: padding,
            inputShape: [w.batch, w.height, w.width, w.channels],
          },
        );
        expectClose(values, depthwiseInputGradient(w, multiplier, dy, filter));
      }),
      { numRuns: 80 },
    );
  });

  it('refuse shapes that do not fit', () => {
    const attrs = { strides: 1, dilations: 1, pad: 'valid', filterShape: [2, 2, 4, 1] };
    const refuse = (shape: number[], dy: number[], text: RegExp): void =>
      expectRefusal(
        () => runKernel('DepthwiseConv2dNativeBackpropFilter', { x: tf.ones(shape), dy: tf.ones(dy) }, attrs),
        'BAD_ARGUMENT',
        text,
      );
    refuse([1, 5, 5, 3], [1, 4, 4, 3], /needs images/);
    refuse([1, 5, 5, 4], [1, 4, 3, 4], /dy must be \[1, 4, 4, 4\]/);
  });
});
