import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import fc from 'fast-check';
import { averagePoolGradient, maxPoolGradient } from '../../../../../shared/engine/kernels/plain/pooling.ts';
import { anyWindows, expectClose, expectRefusal, numbers, runKernel, useTrainingBackend } from './training-backend.ts';

describe('gradients of pooling on the wasm backend', () => {
  useTrainingBackend();

  const runs = fc.tuple(anyWindows(), fc.nat(1e9));

  it('agree with the definition for maxima, ties among them', () => {
    fc.assert(
      fc.property(runs, fc.boolean(), ([{ windows: w, padding }, seed], isTied) => {
        const x = numbers(w.batch * w.height * w.width * w.channels, seed).map((v) => (isTied ? Math.round(v) : v));
        const dy = numbers(w.batch * w.outHeight * w.outWidth * w.channels, seed + 1);
        const { values } = runKernel(
          'MaxPoolGrad',
          {
            dy: tf.tensor4d(dy, [w.batch, w.outHeight, w.outWidth, w.channels]),
            input: tf.tensor4d(x, [w.batch, w.height, w.width, w.channels]),
          },
          { filterSize: [w.kernelHeight, w.kernelWidth], strides: [w.strideHeight, w.strideWidth], pad: padding },
        );
        expectClose(values, maxPoolGradient(w, dy, x), 1e-6);
      }),
      { numRuns: 80 },
    );
  });

  it('agree with the definition for averages over what is inside', () => {
    fc.assert(
      fc.property(runs, ([{ windows: w, padding }, seed]) => {
        const dy = numbers(w.batch * w.outHeight * w.outWidth * w.channels, seed);
        const { values } = runKernel(
          'AvgPoolGrad',
          {
            dy: tf.tensor4d(dy, [w.batch, w.outHeight, w.outWidth, w.channels]),
            input: tf.zeros([w.batch, w.height, w.width, w.channels]),
          },
          { filterSize: [w.kernelHeight, w.kernelWidth], strides: [w.strideHeight, w.strideWidth], pad: padding },
        );
        expectClose(values, averagePoolGradient(w, dy), 1e-6);
      }),
      { numRuns: 80 },
    );
  });

  it('give a tie to its first place, and nothing where there is no number', () => {
    const attrs = { filterSize: 2, strides: 2, pad: 'valid' };
    const gradient = (x: number[]): number[] => [
      ...runKernel('MaxPoolGrad', { dy: tf.tensor4d([5], [1, 1, 1, 1]), input: tf.tensor4d(x, [1, 2, 2, 1]) }, attrs)
        .values,
    ];
    expect(gradient([1, 3, 3, 3])).to.deep.equal([0, 5, 0, 0]);
    expect(gradient([NaN, 1, 2, NaN])).to.deep.equal([0, 0, 5, 0]);
    expect(gradient([NaN, NaN, NaN, NaN])).to.deep.equal([0, 0, 0, 0]);
  });

  it('divide at the border by the pixels inside, by hand', () => {
    // 'same' with window 2 and step 2 on 3 x 1 pixels: windows {0, 1} and {2}. dy = 6, 8: 3, 3 and 8.
    const { values } = runKernel(
      'AvgPoolGrad',
      { dy: tf.tensor4d([6, 8], [1, 2, 1, 1]), input: tf.zeros([1, 3, 1, 1]) },
      { filterSize: [2, 1], strides: [2, 1], pad: 'same' },
    );
    expect([...values]).to.deep.equal([3, 3, 8]);
  });

  it('refuse a dy that does not fit', () => {
    const attrs = { filterSize: 2, strides: 2, pad: 'valid' };
    expectRefusal(
      () => runKernel('MaxPoolGrad', { dy: tf.ones([1, 3, 2, 1]), input: tf.ones([1, 4, 4, 1]) }, attrs),
      'BAD_ARGUMENT',
      /dy must be \[1, 2, 2, 1\]/,
    );
  });
});
