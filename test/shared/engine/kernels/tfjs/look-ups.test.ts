import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import fc from 'fast-check';
import { segmentSum } from '../../../../../shared/engine/kernels/plain/segments.ts';
import { expectClose, expectRefusal, numbers, runKernel, useTrainingBackend } from './training-backend.ts';

describe('look-ups and sums by segment on the wasm backend', () => {
  useTrainingBackend();

  it('take rows of a table by hand', () => {
    const x = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
    const { shape, values } = runKernel('GatherV2', { x, indices: tf.tensor1d([2, 0, 2, 1], 'int32') }, { axis: 0 });
    expect(shape).to.deep.equal([4, 2]);
    expect([...values]).to.deep.equal([5, 6, 1, 2, 5, 6, 3, 4]);
  });

  it('take slices along any axis, batch by batch, of floats and whole numbers', () => {
    const side = fc.integer({ min: 1, max: 5 });
    fc.assert(
      fc.property(
        fc.tuple(side, side, side, side),
        fc.integer({ min: 0, max: 2 }),
        fc.boolean(),
        fc.constantFrom('float32', 'int32'),
        fc.nat(1e9),
        ([n, a, b, count], axis, isBatched, dtype, seed) => {
          const batchDims = isBatched && axis > 0 ? 1 : 0;
          const sides = [n, a, b];
          const x = numbers(n * a * b, seed).map((v) => (dtype === 'int32' ? Math.trunc(100 * v) + 0 : v));
          const ids = numbers((batchDims === 1 ? n : 1) * count, seed + 1).map((v) =>
            Math.floor(((v + 1) / 2) * sides[axis]!),
          );
          const indices = tf.tensor(ids, batchDims === 1 ? [n, count] : [count], 'int32');
          const result = runKernel('GatherV2', { x: tf.tensor3d(x, [n, a, b], dtype), indices }, { axis, batchDims });
          const outSides = sides.with(axis, count);
          expect(result.shape).to.deep.equal(outSides);
          const expected: number[] = [];
          for (let i = 0; i < outSides[0]!; i++) {
            for (let j = 0; j < outSides[1]!; j++) {
              for (let k = 0; k < outSides[2]!; k++) {
                const place = [i, j, k];
                place[axis] = ids[(batchDims === 1 ? i * count : 0) + place[axis]!]!;
                expected.push(x[(place[0]! * a + place[1]!) * b + place[2]!]!);
              }
            }
          }
          expect([...result.values]).to.deep.equal(expected);
        },
      ),
      { numRuns: 80 },
    );
  });

  it('take no row that is not there', () => {
    for (const index of [-1, 3]) {
      expectRefusal(
        () => runKernel('GatherV2', { x: tf.ones([3, 2]), indices: tf.tensor1d([0, index], 'int32') }, { axis: 0 }),
        'BAD_ARGUMENT',
        /is not in 0 .. 2/,
      );
    }
  });

  it('leave bool to the stock kernel', () => {
    const x = tf.tensor1d([true, false], 'bool');
    const { values } = runKernel('GatherV2', { x, indices: tf.tensor1d([1, 0, 0], 'int32') }, { axis: 0 });
    expect([...values]).to.deep.equal([0, 1, 1]);
  });

  it('add up rows by hand', () => {
    // Rows 0 and 2 go to segment 1, row 1 to segment 0, none to segment 2; row 3 has no segment.
    const x = tf.tensor2d([1, 2, 3, 4, 10, 20, 30, 40, 100, 200, 300, 400, 7, 7, 7, 7], [4, 4]);
    const { shape, values } = runKernel(
      'UnsortedSegmentSum',
      { x, segmentIds: tf.tensor1d([1, 0, 1, -1], 'int32') },
      { numSegments: 3 },
    );
    expect(shape).to.deep.equal([3, 4]);
    expect([...values]).to.deep.equal([10, 20, 30, 40, 101, 202, 303, 404, 0, 0, 0, 0]);
  });

  it('agree with the definition for any number of rows and segments, of floats and whole numbers', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -2, max: 6 }), { maxLength: 20 }),
        fc.integer({ min: 0, max: 5 }),
        fc.integer({ min: 0, max: 9 }),
        fc.constantFrom('float32', 'int32'),
        fc.nat(1e9),
        (ids, segments, width, dtype, seed) => {
          const x = numbers(ids.length * width, seed).map((v) => (dtype === 'int32' ? Math.round(1e6 * v) : v));
          const result = runKernel(
            'UnsortedSegmentSum',
            { x: tf.tensor2d(x, [ids.length, width], dtype), segmentIds: tf.tensor1d(ids, 'int32') },
            { numSegments: segments },
          );
          expect(result.shape).to.deep.equal([segments, width]);
          expect(result.dtype).to.equal(dtype);
          expectClose(result.values, segmentSum(x, ids, width, segments), dtype === 'int32' ? 0 : 1e-6);
        },
      ),
      { numRuns: 80 },
    );
  });

  it('take ids of any rank', () => {
    const { shape, values } = runKernel(
      'UnsortedSegmentSum',
      { x: tf.tensor3d([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2]), segmentIds: tf.tensor2d([0, 1, 1, 0], [2, 2], 'int32') },
      { numSegments: 2 },
    );
    expect(shape).to.deep.equal([2, 2]);
    expect([...values]).to.deep.equal([8, 10, 8, 10]); // [1 2] + [7 8], [3 4] + [5 6]
  });

  it('refuse other types and ids that do not fit', () => {
    const refuse = (x: tf.Tensor, ids: tf.Tensor, text: RegExp): void =>
      expectRefusal(
        () => runKernel('UnsortedSegmentSum', { x, segmentIds: ids }, { numSegments: 2 }),
        'BAD_ARGUMENT',
        text,
      );
    refuse(tf.ones([2, 2], 'bool'), tf.zeros([2], 'int32'), /got bool and int32/);
    refuse(tf.ones([2, 2]), tf.zeros([2]), /got float32 and float32/);
    refuse(tf.ones([3, 2]), tf.zeros([2], 'int32'), /must begin with that of the ids/);
  });
});
