import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import fc from 'fast-check';
import { einsum } from '../../../../../shared/engine/kernels/plain/einsum.ts';
import { sizeOf } from '../../../../../shared/weights.ts';
import { expectClose, expectRefusal, numbers, useTrainingBackend } from './training-backend.ts';

/** Runs an equation on numbers that repeat for a seed, here and by the definition. */
function check(equation: string, sides: Record<string, number>, seed: number): void {
  const [left, output] = equation.split('->') as [string, string];
  const shapes = left.split(',').map((labels) => labels.split('').map((label) => sides[label]!));
  const values = shapes.map((shape, i) => numbers(sizeOf(shape), seed + i));
  const before = tf.memory().numTensors;
  const tensors = values.map((own, i) => tf.tensor(own, shapes[i]!));
  const result = tf.einsum(equation, ...tensors);
  expect(result.shape).to.deep.equal(output.split('').map((label) => sides[label]));
  expectClose(
    result.dataSync(),
    einsum(
      equation,
      shapes.map((shape, i) => ({ shape, values: values[i]! })),
    ).values,
  );
  tf.dispose([result, ...tensors]);
  expect(tf.memory().numTensors).to.equal(before);
}

describe("Einstein's notation on the wasm backend", () => {
  const backend = useTrainingBackend();

  it('multiplies matrices by hand', () => {
    const [a, b] = [tf.tensor2d([1, 2, 3, 4], [2, 2]), tf.tensor2d([5, 6, 7, 8], [2, 2])];
    const product = tf.einsum('ij,jk->ik', a, b);
    expect([...product.dataSync()]).to.deep.equal([19, 22, 43, 50]);
    tf.dispose([a, b, product]);
  });

  it('agrees with the definition for the equations of attention and their kin', () => {
    const sides = { a: 2, b: 3, c: 4, d: 5, e: 2, i: 3, j: 4, k: 5, n: 2, h: 3, q: 4, t: 4, s: 5 };
    const equations = [
      ['ij->ij', 'ij->ji', 'ij->', 'ij->j', 'ij->i', 'abc->cab', '->'],
      ['ij,jk->ik', 'ij,kj->ik', 'ji,jk->ik', 'ji,kj->ki', 'ij,ij->', 'ij,ij->ij', 'ij,i->ij', 'i,j->ij', 'i,j->'],
      ['abc,cd->abd', 'abc,cde->abde', 'abcd,cde->abe', 'nthd,nshd->nhts', 'nhts,nshd->nthd', 'nij,njk->nki'],
      ['ij,jk,kd->id', 'ij,jk,ki->', 'i,i,i->i'],
    ].flat();
    for (const [i, equation] of equations.entries()) check(equation, sides, i);
  });

  it('agrees with the definition for any two tensors', () => {
    const letters = fc.shuffledSubarray(['a', 'b', 'c', 'd', 'e'], { maxLength: 4 });
    fc.assert(
      fc.property(
        letters,
        letters,
        fc.shuffledSubarray(['a', 'b', 'c', 'd', 'e']),
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 5, maxLength: 5 }),
        fc.nat(1e9),
        (left, right, order, lengths, seed) => {
          const sides = Object.fromEntries(lengths.map((length, i) => ['abcde'[i]!, length]));
          const output = order.filter((label) => left.includes(label) || right.includes(label));
          check(`${left.join('')},${right.join('')}->${output.join('')}`, sides, seed);
        },
      ),
      { numRuns: 80 },
    );
  });

  it('gives a tensor of its own, not its operand', () => {
    const a = tf.tensor1d([1, 2]);
    const same = tf.einsum('i->i', a);
    a.dispose();
    expect([...same.dataSync()]).to.deep.equal([1, 2]);
    same.dispose();
  });

  it('refuses equations that it cannot read, and frees what it made', () => {
    const before = [tf.memory().numTensors, backend().numDataIds()];
    const refuse = (equation: string, shapes: number[][], text: RegExp): void => {
      const tensors = shapes.map((shape) => tf.ones(shape));
      expectRefusal(() => tf.einsum(equation, ...tensors), 'BAD_ARGUMENT', text);
      tf.dispose(tensors);
    };
    refuse(
      'ij,jk',
      [
        [2, 2],
        [2, 2],
      ],
      /lists of letters/,
    );
    refuse('...i,i->i', [[2, 2], [2]], /lists of letters/);
    refuse('ij,jk->ik', [[2, 2]], /is for 2 tensors, got 1/);
    refuse('ij->i', [[2]], /names 2 axes of tensor 0, which has 1/);
    refuse('ii->i', [[2, 2]], /names axis i twice in one tensor/);
    refuse(
      'ij,jk->ik',
      [
        [2, 3],
        [2, 2],
      ],
      /gives axis j the sides 3 and 2/,
    );
    refuse('ij->ik', [[2, 2]], /has an axis k that no tensor has/);
    refuse('ij->ii', [[2, 2]], /names axis i twice in its result/);
    expect([tf.memory().numTensors, backend().numDataIds()]).to.deep.equal(before);
  });
});
