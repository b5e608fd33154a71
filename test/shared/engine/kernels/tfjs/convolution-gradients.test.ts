import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  convolutionFilterGradient,
  convolutionInputGradient,
} from '../../../../../shared/engine/kernels/plain/convolution.ts';
import { images, padFor, turn, type Shape4D } from './images.ts';
import { anyWindows, expectClose, expectRefusal, numbers, runKernel, useTrainingBackend } from './training-backend.ts';

describe('gradients of convolutions on the wasm backend', () => {
  useTrainingBackend();

  const runs = fc.tuple(anyWindows(), fc.integer({ min: 1, max: 9 }), fc.boolean(), fc.nat(1e9));

  it('agree with the definition for the filter: strides, paddings, both orders of axes', () => {
    fc.assert(
      fc.property(runs, ([{ windows: w, padding }, filters, isFirst, seed]) => {
        const shape: Shape4D = [w.batch, w.height, w.width, w.channels];
        const dyShape: Shape4D = [w.batch, w.outHeight, w.outWidth, filters];
        const x = numbers(w.batch * w.height * w.width * w.channels, seed);
        const dy = numbers(w.batch * w.outHeight * w.outWidth * filters, seed + 1);
        const inputs = { x: images(x, shape, isFirst), dy: images(dy, dyShape, isFirst) };
        const { values } = runKernel('Conv2DBackpropFilter', inputs, {
          strides: [w.strideHeight, w.strideWidth],
          pad: padFor(padding, isFirst),
          dataFormat: isFirst ? 'NCHW' : 'NHWC',
          filterShape: [w.kernelHeight, w.kernelWidth, w.channels, filters],
        });
        expectClose(values, convolutionFilterGradient(w, filters, x, dy));
      }),
      { numRuns: 80 },
    );
  });

  it('agree with the definition for the input: strides, paddings, both orders of axes', () => {
    fc.assert(
      fc.property(runs, ([{ windows: w, padding }, filters, isFirst, seed]) => {
        const shape: Shape4D = [w.batch, w.height, w.width, w.channels];
        const filterShape: Shape4D = [w.kernelHeight, w.kernelWidth, w.channels, filters];
        const dyShape: Shape4D = [w.batch, w.outHeight, w.outWidth, filters];
        const dy = numbers(w.batch * w.outHeight * w.outWidth * filters, seed);
        const filter = numbers(w.kernelHeight * w.kernelWidth * w.channels * filters, seed + 1);
        const inputs = { dy: images(dy, dyShape, isFirst), filter: tf.tensor4d(filter, filterShape) };
        const inputShape = isFirst ? [w.batch, w.channels, w.height, w.width] : shape;
        const { values, shape: outShape } = runKernel('Conv2DBackpropInput', inputs, {
          strides: [w.strideHeight, w.strideWidth],
          pad: padFor(padding, isFirst),
          dataFormat: isFirst ? 'NCHW' : 'NHWC',
          inputShape,
        });
        expect(outShape).to.deep.equal(inputShape);
        const expected = convolutionInputGradient(w, filters, dy, filter);
        const pixels = w.height * w.width;
        expectClose(isFirst ? turn(values, w.batch, w.channels, pixels) : values, expected);
      }),
      { numRuns: 80 },
    );
  });

  it('agree with the definition where the windows of an image are laid out in parts', () => {
    // 40 x 40 places of 3 x 3 x 40 floats are 2.3 MB, more than is laid out at a time; and 5 images of 12 x 12 are 0.3 MB each.
    for (const [batch, side, channels, filters] of [
      [2, 40, 40, 3],
      [5, 12, 64, 5],
    ] as const) {
      const w = {
        batch,
        height: side,
        width: side,
        channels,
        outHeight: side,
        outWidth: side,
        kernelHeight: 3,
        kernelWidth: 3,
        strideHeight: 1,
        strideWidth: 1,
        dilationHeight: 1,
        dilationWidth: 1,
        top: 1,
        left: 1,
      };
      const [x, dy] = [numbers(batch * side * side * channels, 5), numbers(batch * side * side * filters, 6)];
      const filter = numbers(9 * channels * filters, 7);
      const attrs = { strides: 1, pad: 'same', dataFormat: 'NHWC' };
      const dyTensor = (): tf.Tensor => tf.tensor4d(dy, [batch, side, side, filters]);
      const filterGradient = runKernel(
        'Conv2DBackpropFilter',
        { x: tf.tensor4d(x, [batch, side, side, channels]), dy: dyTensor() },
        { ...attrs, filterShape: [3, 3, channels, filters] },
      );
      expectClose(filterGradient.values, convolutionFilterGradient(w, filters, x, dy));
      const inputGradient = runKernel(
        'Conv2DBackpropInput',
        { dy: dyTensor(), filter: tf.tensor4d(filter, [3, 3, channels, filters]) },
        { ...attrs, inputShape: [batch, side, side, channels] },
      );
      expectClose(inputGradient.values, convolutionInputGradient(w, filters, dy, filter));
    }
  });

  it('refuse shapes that do not fit, and groups', () => {
    const attrs = { strides: 1, pad: 'valid', dataFormat: 'NHWC', filterShape: [2, 2, 4, 3] };
    const x = (): tf.Tensor => tf.ones([1, 5, 5, 4]);
    const refuse = (dy: tf.Tensor, more: object, text: RegExp): void =>
      expectRefusal(
        () => runKernel('Conv2DBackpropFilter', { x: x(), dy }, { ...attrs, ...more }),
        'BAD_ARGUMENT',
        text,
      );
    refuse(tf.ones([1, 3, 3, 3]), {}, /dy must be \[1, 4, 4, 3\], got \[1, 3, 3, 3\]/);
    refuse(tf.ones([1, 4, 4, 3]), { filterShape: [2, 2, 2, 3] }, /grouped convolution/);
    refuse(tf.ones([1, 4, 4, 3], 'int32'), {}, /float32 tensors, got int32/);
  });
});
