import { expect } from 'chai';
import type { Examples } from '../../../shared/engine/engine.ts';
import { checkExamples, checkTaskFits } from '../../../shared/engine/examples.ts';
import { FederatedError } from '../../../shared/errors.ts';
import { tasks } from '../../../shared/tasks/catalog.ts';
import type { DataContract } from '../../../shared/tasks/task.ts';

const contract: DataContract = { features: [2], labels: { classes: 3 } };
const good: Examples = { xs: Float32Array.of(1, 2, 3, 4), ys: Int32Array.of(0, 2), count: 2 };

describe('checkExamples', () => {
  it('accepts what the contract asks for', () => {
    checkExamples(good, contract);
    checkExamples({ ...good, ys: Float32Array.of(0.5, -2) }, { features: [2], labels: { targets: 1 } });
  });

  const wrong: [string, Partial<Examples>, RegExp][] = [
    ['no example', { count: 0, xs: new Float32Array(0), ys: new Int32Array(0) }, /at least one example/],
    ['too few features', { xs: Float32Array.of(1, 2, 3) }, /2 x \[2\] = 4 features, got 3/],
    ['a feature that is NaN', { xs: Float32Array.of(1, 2, 3, Number.NaN) }, /feature 1 of example 1 is NaN/],
    ['an infinite feature', { xs: Float32Array.of(1, Infinity, 3, 4) }, /feature 1 of example 0 is Infinity/],
    ['too few labels', { ys: Int32Array.of(0) }, /expected 2 labels, got 1/],
    ['a label that is no class', { ys: Int32Array.of(0, 3) }, /label of example 1 is 3; expected 0 to 2/],
    ['a negative label', { ys: Int32Array.of(-1, 0) }, /label of example 0 is -1/],
    ['real numbers for labels', { ys: Float32Array.of(0, 1) }, /whole numbers/],
  ];
  for (const [what, over, message] of wrong) {
    it(`refuses ${what}`, () =>
      expect(() => checkExamples({ ...good, ...over }, contract)).to.throw(FederatedError, message));
  }
});

describe('checkTaskFits', () => {
  const task = tasks['mnist-2nn']!;

  it('accepts the tasks of the catalog', () => {
    for (const each of Object.values(tasks)) checkTaskFits(each);
  });

  it('refuses a task whose data do not fit its model', () => {
    const features = { ...task, data: { ...task.data, features: [100] } };
    expect(() => checkTaskFits(features)).to.throw(FederatedError, /does not fit model.input \[784\]/);
    const classes = { ...task, data: { ...task.data, labels: { classes: 11 } } };
    expect(() => checkTaskFits(classes)).to.throw(FederatedError, /11 classes, the model gives 10/);
    const targets = { ...task, data: { ...task.data, labels: { targets: 10 } } };
    expect(() => checkTaskFits(targets)).to.throw(FederatedError, /does not go with targets/);
  });
});
