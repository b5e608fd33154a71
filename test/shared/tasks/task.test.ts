import { expect } from 'chai';
import fc from 'fast-check';
import { FederatedError } from '../../../shared/errors.ts';
import { canonicalJson, checkTask, decodeTask, encodeTask } from '../../../shared/tasks/task.ts';

const task = {
  format: 'fedloom-task-1',
  name: 'tiny',
  model: { input: [2], layers: [{ type: 'dense', units: 3, activation: 'softmax' }], loss: 'sparse-categorical-crossentropy' },
  data: { features: [2], labels: { classes: 3 } },
  training: { localEpochs: 1, batchSize: 'full', clientLearningRate: 0.1, optimizer: 'momentum' },
}; // prettier-ignore

describe('checkTask', () => {
  it('fills in what was left out', () => {
    const checked = checkTask(task);
    expect(checked.description).to.equal('');
    expect(checked.data.labels).to.deep.equal({ classes: 3, positions: 1 });
    expect(checked.training).to.deep.equal({
      ...task.training,
      optimizer: { name: 'momentum', momentum: 0.9 },
      l2: 0,
      minExamples: 1,
    });
  });

  it('refuses what is no task, naming the field', () => {
    const wrong: [unknown, RegExp][] = [
      [null, /^task: value/],
      [{ ...task, name: 'Tiny' }, /^task: name/],
      [{ ...task, format: 'fedloom-task-2' }, /^task: format/],
      [{ ...task, extra: 1 }, /^task: extra/],
      [{ ...task, data: { ...task.data, vocabulary: 0 } }, /^task: data.vocabulary/],
      [{ ...task, data: { ...task.data, features: [1.5] } }, /^task: data.features.0/],
      [{ ...task, training: { ...task.training, clientLearningRate: 0 } }, /^task: training.clientLearningRate/],
      [{ ...task, data: { ...task.data, labels: {} } }, /^task: data.labels.classes/],
      [{ ...task, data: { ...task.data, labels: { targets: 2, classes: 2 } } }, /^task: data.labels.classes/],
      [{ ...task, data: { ...task.data, labels: { targets: 0 } } }, /^task: data.labels.targets/],
      [{ ...task, training: { ...task.training, optimizer: 'lion' } }, /^task: training.optimizer: .*"adagrad"/],
      [{ ...task, training: { ...task.training, optimizer: { name: 'lion' } } }, /optimizer.name: .*"adagrad"/],
      [{ ...task, training: { ...task.training, optimizer: { name: 'sgd', momentum: 0 } } }, /optimizer.momentum/],
      [{ ...task, training: { ...task.training, optimizer: { name: 'adam', epsilon: 0 } } }, /optimizer.epsilon/],
      [{ ...task, training: { ...task.training, gradientClipNorm: -1 } }, /^task: training.gradientClipNorm/],
    ];
    for (const [value, message] of wrong) {
      expect(() => checkTask(value))
        .to.throw(FederatedError, message)
        .with.property('code', 'BAD_TASK');
    }
  });

  it('throws nothing but BAD_TASK, whatever the value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(() => checkTask(value))
          .to.throw(FederatedError)
          .with.property('code', 'BAD_TASK');
      }),
    );
  });
});

describe('a task in bytes', () => {
  it('comes back as it was', () => expect(decodeTask(encodeTask(checkTask(task)))).to.deep.equal(checkTask(task)));

  it('has the same bytes whatever the order of its fields', () => {
    const turned = Object.fromEntries(Object.entries(task).toReversed());
    expect(encodeTask(checkTask(turned))).to.deep.equal(encodeTask(checkTask(task)));
    expect(canonicalJson({ b: [1, undefined], a: { d: undefined, c: 'x' } })).to.equal('{"a":{"c":"x"},"b":[1,null]}');
  });

  it('is refused when the bytes are not JSON', () => {
    for (const bytes of [Uint8Array.of(), Uint8Array.of(0xff), new TextEncoder().encode('{')]) {
      expect(() => decodeTask(bytes)).to.throw(FederatedError, /not JSON/);
    }
  });
});
