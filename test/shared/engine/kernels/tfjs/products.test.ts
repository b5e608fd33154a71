import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import fc from 'fast-check';
import { einsum, type PlainTensor } from '../../../../../shared/engine/kernels/plain/einsum.ts';
import { sizeOf } from '../../../../../shared/weights.ts';
import { expectClose, expectRefusal, numbers, runKernel, useTrainingBackend } from './training-backend.ts';

/** A tensor [...own, rows, columns] repeated over [...batch, rows, columns]; `own` has as many axes as `batch`. */
function repeated(values: Float32Array, shape: readonly number[], batch: readonly number[]): PlainTensor {
  const matrix = sizeOf(shape.slice(-2));
  const out: number[] = [];
  const visit = (axis: number, index: number): void => {
    if (axis === batch.length) {
      out.push(...values.subarray(index * matrix, (index + 1) * matrix));
      return;
    }
    for (let i = 0; i < batch[axis]!; i++) visit(axis + 1, index * shape[axis]! + (shape[axis] === 1 ? 0 : i));
  };
  visit(0, 0);
  return { shape: [...batch, ...shape.slice(-2)], values: out };
}

describe('products of matrices on the wasm backend', () => {
  useTrainingBackend();

  it('multiply two matrices worked by hand, in all four ways to store them', () => {
    const a = [1, 2, 3, 4, 5, 6]; // 1 2 3 / 4 5 6
    const b = [7, 8, 9, 10, 11, 12]; // 7 8 / 9 10 / 11 12
    const [turnedA, turnedB] = [
      [1, 4, 2, 5, 3, 6],
      [7, 9, 11, 8, 10, 12],
    ];
    for (const transposeA of [false, true]) {
      for (const transposeB of [false, true]) {
        const left = transposeA ? tf.tensor2d(turnedA, [3, 2]) : tf.tensor2d(a, [2, 3]);
        const right = transposeB ? tf.tensor2d(turnedB, [2, 3]) : tf.tensor2d(b, [3, 2]);
        const { shape, values } = runKernel('BatchMatMul', { a: left, b: right }, { transposeA, transposeB });
        expect(shape).to.deep.equal([2, 2]);
        expect([...values]).to.deep.equal([58, 64, 139, 154]); // 1*7 + 2*9 + 3*11 = 58, ...
      }
    }
  });

  it('agree with the definition for any sides, transposes, and batches spread over each other', () => {
    const side = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 10, max: 40 }));
    const flags = (length: number) => fc.array(fc.boolean(), { minLength: length, maxLength: length });
    fc.assert(
      fc.property(
        fc.tuple(side, side, side),
        fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
        flags(4),
        fc.tuple(fc.boolean(), fc.boolean()),
        fc.nat(1e9),
        ([m, n, k], sides, single, [transposeA, transposeB], seed) => {
          const ownA = sides.map((length, axis) => (single[axis] ? 1 : length));
          const ownB = sides.map((length, axis) => (single[axis + 2] ? 1 : length));
          const batch = ownA.map((length, axis) => Math.max(length, ownB[axis]!));
          const shapeA = [...ownA, ...(transposeA ? [k, m] : [m, k])];
          const shapeB = [...ownB, ...(transposeB ? [n, k] : [k, n])];
          const [a, b] = [numbers(sizeOf(shapeA), seed), numbers(sizeOf(shapeB), seed + 1)];
          const tensors = { a: tf.tensor(a, shapeA), b: tf.tensor(b, shapeB) };
          const { shape, values } = runKernel('BatchMatMul', tensors, { transposeA, transposeB });
          expect(shape).to.deep.equal([...batch, m, n]);
          const letters = 'uv'.slice(0, batch.length);
          const equation = `${letters}${transposeA ? 'ki' : 'ik'},${letters}${transposeB ? 'jk' : 'kj'}->${letters}ij`;
          expectClose(values, einsum(equation, [repeated(a, shapeA, batch), repeated(b, shapeB, batch)]).values);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('agree with the definition where the sum is longer than one block', () => {
    const [m, n, k] = [26, 34, 600];
    const [a, b] = [numbers(m * k, 1), numbers(k * n, 2)];
    for (const [transposeA, transposeB] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ] as const) {
      const [shapeA, shapeB] = [transposeA ? [k, m] : [m, k], transposeB ? [n, k] : [k, n]];
      const equation = `${transposeA ? 'ki' : 'ik'},${transposeB ? 'jk' : 'kj'}->ij`;
      const expected = einsum(equation, [
        { shape: shapeA, values: a },
        { shape: shapeB, values: b },
      ]);
      const tensors = { a: tf.tensor(a, shapeA), b: tf.tensor(b, shapeB) };
      expectClose(runKernel('BatchMatMul', tensors, { transposeA, transposeB }).values, expected.values);
    }
  });

  it('spread one matrix over a batch of higher rank', () => {
    const tensors = { a: tf.ones([2, 3, 1, 4]), b: tf.tensor2d([1, 2, 3, 4], [4, 1]) };
    const { shape, values } = runKernel('BatchMatMul', tensors, { transposeA: false, transposeB: false });
    expect(shape).to.deep.equal([2, 3, 1, 1]);
    expect([...values]).to.deep.equal([10, 10, 10, 10, 10, 10]); // 1 + 2 + 3 + 4
  });

  it('add a bias and end in an activation', () => {
    // [1 -1] [1 2; 3 4] = [-2 -2]; with the bias [1 5]: [-1 3].
    const linear = [-1, 3];
    const expected: Record<string, (x: number) => number> = {
      linear: (x) => x,
      relu: (x) => Math.max(0, x),
      relu6: (x) => Math.min(6, Math.max(0, x)),
      elu: (x) => (x > 0 ? x : Math.expm1(x)),
      sigmoid: (x) => 1 / (1 + Math.exp(-x)),
      leakyrelu: (x) => (x > 0 ? x : 0.25 * x),
      prelu: (x) => (x > 0 ? x : 0.5 * x),
    };
    for (const [activation, apply] of Object.entries(expected)) {
      const tensors = {
        a: tf.tensor3d([1, -1], [1, 1, 2]),
        b: tf.tensor3d([1, 2, 3, 4], [1, 2, 2]),
        bias: tf.tensor1d([1, 5]),
        ...(activation === 'prelu' ? { preluActivationWeights: tf.tensor1d([0.5, 0.5]) } : {}),
      };
      const attrs = { transposeA: false, transposeB: false, activation, leakyreluAlpha: 0.25 };
      expectClose(runKernel('_FusedMatMul', tensors, attrs).values, linear.map(apply), 1e-6);
    }
  });

  it('take a bias of one number, or none, and transposes in a batch', () => {
    const shape = { a: [2, 3, 5], b: [2, 4, 3] }; // both transposed: [2, 5, 3] times [2, 3, 4]
    const [a, b] = [numbers(30, 3), numbers(24, 4)];
    const product = einsum('uki,ujk->uij', [
      { shape: shape.a, values: a },
      { shape: shape.b, values: b },
    ]).values;
    const attrs = { transposeA: true, transposeB: true, activation: 'linear' };
    const tensors = () => ({ a: tf.tensor(a, shape.a), b: tf.tensor(b, shape.b) });
    expectClose(runKernel('_FusedMatMul', tensors(), attrs).values, product);
    const withBias = runKernel('_FusedMatMul', { ...tensors(), bias: tf.scalar(10) }, attrs);
    expectClose(
      withBias.values,
      Array.from(product, (x) => x + 10),
    );
  });

  it('refuse what they cannot multiply', () => {
    const attrs = { transposeA: false, transposeB: false, activation: 'linear' };
    const refuse = (name: string, tensors: Record<string, tf.Tensor>, text: RegExp, more = {}): void =>
      expectRefusal(() => runKernel(name, tensors, { ...attrs, ...more }), 'BAD_ARGUMENT', text);
    const a = (): tf.Tensor => tf.ones([2, 3]);
    refuse('BatchMatMul', { a: a(), b: tf.ones([2, 3]) }, /inner sides 3 and 2/);
    refuse('BatchMatMul', { a: a(), b: tf.ones([3, 2], 'int32') }, /float32 tensors, got int32/);
    refuse('BatchMatMul', { a: tf.ones([2, 2, 3]), b: tf.ones([5, 3, 2]) }, /batches do not fit/);
    refuse('BatchMatMul', { a: tf.ones([3]), b: tf.ones([3, 2]) }, /must be matrices/);
    refuse('_FusedMatMul', { a: a(), b: tf.ones([3, 2]), bias: tf.ones([3]) }, /bias must be \[2\]/);
    refuse('_FusedMatMul', { a: a(), b: tf.ones([3, 2]) }, /activation must be one of/, { activation: 'softmax' });
  });
});
