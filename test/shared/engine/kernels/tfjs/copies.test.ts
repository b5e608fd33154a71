import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useTrainingBackend } from './training-backend.ts';

describe('copies on the wasm backend', () => {
  const backend = useTrainingBackend();

  it('share the data until the last of them is gone', () => {
    const before = backend().numDataIds();
    const x = tf.tensor1d([1, 2, 3]);
    const copies = [tf.clone(x), tf.clone(x)];
    expect(backend().numDataIds()).to.equal(before + 1);
    x.dispose();
    copies[0]!.dispose();
    expect([...copies[1]!.dataSync()]).to.deep.equal([1, 2, 3]);
    copies[1]!.dispose();
    expect(backend().numDataIds()).to.equal(before);
  });

  it('leave a variable as it was when its copy is replaced', () => {
    const variable = tf.variable(tf.tensor1d([1, 2]));
    const copy = tf.clone(variable);
    const next = tf.tensor1d([5, 6]);
    variable.assign(next);
    expect([...copy.dataSync(), ...variable.dataSync()]).to.deep.equal([1, 2, 5, 6]);
    tf.dispose([variable, copy, next]);
  });

  it('transpose tensors without values, and others as ever', () => {
    const empty = tf.transpose(tf.zeros([0, 2, 3]), [1, 2, 0]);
    expect(empty.shape).to.deep.equal([2, 3, 0]);
    const turned = tf.transpose(tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]));
    expect([...turned.dataSync()]).to.deep.equal([1, 4, 2, 5, 3, 6]);
    tf.dispose([empty, turned]);
  });
});
