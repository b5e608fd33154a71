import { expect } from 'chai';
import type { Examples } from '../../../shared/engine/engine.ts';
import { checkExamples } from '../../../shared/engine/examples.ts';
import { checkTaskFits } from '../../../shared/tasks/fit.ts';
import { FederatedError } from '../../../shared/errors.ts';
import { tasks } from '../../../shared/tasks/catalog.ts';
import { checkTask, type DataContract } from '../../../shared/tasks/task.ts';

const contract: DataContract = { features: [2], labels: { classes: 3, positions: 1 } };
const good: Examples = { xs: Float32Array.of(1, 2, 3, 4), ys: Int32Array.of(0, 2), count: 2 };

describe('checkExamples', () => {
  it('accepts what the contract asks for', () => {
    checkExamples(good, contract);
    checkExamples({ ...good, ys: Float32Array.of(0.5, -2) }, { features: [2], labels: { targets: 1 } });
    checkExamples({ ...good, ys: Int32Array.of(0, 2, 1, 0) }, { features: [2], labels: { classes: 3, positions: 2 } });
    checkExamples(good, { ...contract, vocabulary: 5 });
  });

  const wrong: [string, Partial<Examples>, RegExp, Partial<DataContract>?][] = [
    ['no example', { count: 0, xs: new Float32Array(0), ys: new Int32Array(0) }, /at least one example/],
    ['too few features', { xs: Float32Array.of(1, 2, 3) }, /2 x \[2\] = 4 features, got 3/],
    ['a feature that is NaN', { xs: Float32Array.of(1, 2, 3, Number.NaN) }, /feature 1 of example 1 is NaN/],
    ['an infinite feature', { xs: Float32Array.of(1, Infinity, 3, 4) }, /feature 1 of example 0 is Infinity/],
    ['too few labels', { ys: Int32Array.of(0) }, /expected 2 labels, got 1/],
    ['a label that is no class', { ys: Int32Array.of(0, 3) }, /label of example 1 is 3; expected 0 to 2/],
    ['a negative label', { ys: Int32Array.of(-1, 0) }, /label of example 0 is -1/],
    ['real numbers for labels', { ys: Float32Array.of(0, 1) }, /whole numbers/],
    [
      'a word outside the vocabulary',
      {},
      /feature 1 of example 1 is 4; expected a whole number from 0 to 3/,
      { vocabulary: 4 },
    ],
    [
      'a word that is no whole number',
      { xs: Float32Array.of(1, 0.5, 0, 0) },
      /feature 1 of example 0 is 0.5/,
      { vocabulary: 4 },
    ],
    ['a negative word', { xs: Float32Array.of(0, -1, 0, 0) }, /feature 1 of example 0 is -1/, { vocabulary: 4 }],
    [
      'a word that is NaN',
      { xs: Float32Array.of(0, 0, Number.NaN, 0) },
      /feature 0 of example 1 is NaN/,
      { vocabulary: 4 },
    ],
    [
      'one label where each place has its own',
      {},
      /expected 4 labels \(2 for each of 2 examples\), got 2/,
      { labels: { classes: 3, positions: 2 } },
    ],
    [
      'a wrong label at a place',
      { ys: Int32Array.of(0, 1, 2, 3) },
      /label 1 of example 1 is 3/,
      { labels: { classes: 3, positions: 2 } },
    ],
    ['whole numbers for targets', {}, /expected targets as real numbers/, { labels: { targets: 1 } }],
    ['too few targets', { ys: Float32Array.of(1) }, /2 x 1 targets, got 1/, { labels: { targets: 1 } }],
    [
      'a target that is NaN',
      { ys: Float32Array.of(1, Number.NaN) },
      /target 0 of example 1 is NaN/,
      { labels: { targets: 1 } },
    ],
  ];
  for (const [what, over, message, contractOver] of wrong) {
    it(`refuses ${what}`, () =>
      expect(() => checkExamples({ ...good, ...over }, { ...contract, ...contractOver }))
        .to.throw(FederatedError, message)
        .with.property('code', 'BAD_DATA'));
  }
});

describe('checkTaskFits', () => {
  const task = tasks['mnist-2nn']!;
  const refuses = (changes: object, message: RegExp): void => {
    expect(() => checkTaskFits(checkTask({ ...task, ...changes })))
      .to.throw(FederatedError, message)
      .with.property('code', 'BAD_TASK');
  };
  const data = (changes: object): object => ({ data: { ...task.data, ...changes } });

  it('accepts the tasks of the catalog', () => {
    for (const each of Object.values(tasks)) checkTaskFits(each);
  });

  it('refuses a task whose data do not fit its model', () => {
    refuses(data({ features: [100] }), /does not fit model.input \[784\]/);
    refuses(data({ labels: { classes: 11 } }), /11 classes, the model gives 10/);
    refuses(data({ labels: { classes: 10, positions: 2 } }), /2 positions, the model gives \[10\]/);
    refuses(data({ labels: { targets: 10 } }), /does not go with targets/);
    const squares = { model: { ...task.model, loss: 'mean-squared-error' } };
    refuses(squares, /mean-squared-error does not go with classes/);
    refuses({ ...squares, ...data({ labels: { targets: 3 } }) }, /3 targets, the model gives 10/);
  });

  it('asks for a label of each place where the model answers at each place', () => {
    const layers = [{ type: 'dense', units: 4, activation: 'softmax' }];
    const model = { input: [5, 2], layers, loss: 'sparse-categorical-crossentropy' };
    checkTaskFits(checkTask({ ...task, model, data: { features: [10], labels: { classes: 4, positions: 5 } } }));
    refuses({ model, data: { features: [10], labels: { classes: 4 } } }, /1 positions, the model gives \[5, 4\]/);
  });

  it('takes two classes for a binary cross entropy with one output', () => {
    const model = {
      input: [3],
      layers: [{ type: 'dense', units: 1, activation: 'sigmoid' }],
      loss: 'binary-crossentropy',
    };
    for (const labels of [{ classes: 2 }, { targets: 1 }]) {
      checkTaskFits(checkTask({ ...task, model, data: { features: [3], labels } }));
    }
    refuses({ model, data: { features: [3], labels: { classes: 3 } } }, /takes 2 classes, data.labels has 3/);
    const wider = { ...model, layers: [{ type: 'dense', units: 2, activation: 'sigmoid' }] };
    refuses({ model: wider, data: { features: [3], labels: { classes: 2 } } }, /1 positions, the model gives 2/);
  });

  it('asks for a vocabulary that the embedding holds', () => {
    const layers = [
      { type: 'embedding', inputDim: 7, outputDim: 2 },
      { type: 'flatten' },
      { type: 'dense', units: 3, activation: 'softmax' },
    ];
    const model = { input: [4], layers, loss: 'sparse-categorical-crossentropy' };
    const words = { features: [4], labels: { classes: 3 } };
    checkTaskFits(checkTask({ ...task, model, data: { ...words, vocabulary: 7 } }));
    refuses({ model, data: words }, /needs data.vocabulary/);
    refuses({ model, data: { ...words, vocabulary: 8 } }, /data.vocabulary is 8, the embedding has inputDim 7/);
  });
});
