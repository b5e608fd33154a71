import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import fc from 'fast-check';
import { einsum } from '../../../../../shared/engine/kernels/plain/einsum.ts';
import { sizeOf } from '../../../../../shared/weights.ts';
import { expectClose, numbers, runKernel, useTrainingBackend } from './training-backend.ts';

describe('sums on the wasm backend', () => {
  useTrainingBackend();

  it('agree with the definition over any axes, kept or not', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }),
        fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
        fc.boolean(),
        fc.nat(1e9),
        (shape, isSummed, keepDims, seed) => {
          const axes = shape.flatMap((_, axis) => (isSummed[axis] ? [axis] : []));
          if (axes.length === 0) return;
          const x = numbers(sizeOf(shape), seed);
          const letters = 'abcd'.slice(0, shape.length);
          const left = letters
            .split('')
            .filter((_, axis) => !isSummed[axis])
            .join('');
          // Negative axes count from the end.
          const axis = axes.map((a, i) => (i === 0 ? a - shape.length : a));
          const result = runKernel('Sum', { x: tf.tensor(x, shape) }, { axis, keepDims });
          expect(result.shape).to.deep.equal(
            shape.flatMap((side, a) => (isSummed[a] ? (keepDims ? [1] : []) : [side])),
          );
          expectClose(result.values, einsum(`${letters}->${left}`, [{ shape, values: x }]).values);
        },
      ),
      { numRuns: 80 },
    );
  });

  it('leave whole numbers and empty tensors to the stock kernel', () => {
    const whole = runKernel('Sum', { x: tf.tensor2d([1, 2, 3, 4], [2, 2], 'int32') }, { axis: [0], keepDims: false });
    expect([whole.dtype, ...whole.values]).to.deep.equal(['int32', 4, 6]);
    expect(runKernel('Sum', { x: tf.zeros([2, 0]) }, { axis: [0], keepDims: false }).shape).to.deep.equal([0]);
  });
});
