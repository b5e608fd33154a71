import { expect } from 'chai';
import { FederatedError } from '../../../shared/errors.ts';
import { checkModel, modelLayout, outputShape, type ModelInput } from '../../../shared/tasks/model.ts';

const dense = { type: 'dense', units: 2 } as const;
const softmax = { type: 'dense', units: 2, activation: 'softmax' } as const;
const refuses = (model: unknown, message: RegExp): void => {
  expect(() => checkModel(model))
    .to.throw(FederatedError, message)
    .with.property('code', 'BAD_MODEL');
};
const withLayers = (...layers: unknown[]): unknown => ({ input: [4], layers, loss: 'mean-squared-error' });

describe('checkModel', () => {
  it('fills in what was left out', () => {
    const { layers } = checkModel({ input: [2], layers: [dense], loss: 'huber' });
    expect(layers).to.deep.equal([{ type: 'dense', units: 2, activation: 'linear', useBias: true }]);
  });

  it('refuses what is no model, naming the field', () => {
    for (const value of [null, 7, 'x', [], {}]) refuses(value, /^model: /);
    refuses({ input: [], layers: [dense], loss: 'huber' }, /input/);
    refuses({ input: [0], layers: [dense], loss: 'huber' }, /input\.0/);
    refuses({ input: [2], layers: [], loss: 'huber' }, /layers/);
    refuses({ input: [2], layers: [dense], loss: 'hinge' }, /loss/);
    refuses(withLayers({ type: 'magic' }), /layers\.0\.type/);
    refuses(withLayers({ ...dense, units: 0 }), /layers\.0\.units/);
    refuses(withLayers({ ...dense, colour: 'red' }), /layers\.0\.colour/);
  });

  it('refuses a last layer that does not fit the loss', () => {
    const losses: [ModelInput['loss'], object, RegExp][] = [
      ['sparse-categorical-crossentropy', dense, /needs a last layer with activation softmax/],
      ['categorical-crossentropy', dense, /needs a last layer with activation softmax/],
      ['binary-crossentropy', softmax, /needs a last layer with activation sigmoid/],
      ['binary-crossentropy', { type: 'flatten' }, /needs a last layer with activation sigmoid/],
    ];
    for (const [loss, last, message] of losses) refuses({ input: [4], layers: [dense, last], loss }, message);
    checkModel({ input: [4], layers: [dense, { type: 'activation', activation: 'softmax' }], loss: losses[0]![0] });
  });

  it('refuses a model that ends in dropout or in a sum', () => {
    refuses(withLayers(dense, { type: 'dropout', rate: 0.5 }), /the last layer cannot be dropout/);
    refuses(withLayers(dense, { type: 'residual', layers: [dense] }), /the last layer cannot be residual/);
  });

  it('refuses a model in which nothing can be trained', () => {
    refuses(withLayers({ type: 'flatten' }), /nothing can be trained/);
  });

  it('refuses more weights than memory can hold, without taking any', () => {
    const huge = { type: 'dense', units: 1_000_000 };
    refuses(withLayers(huge, huge), /has 1000006000000 weights/); // 5*10^6 + (10^6 + 1) * 10^6
  });

  it('refuses layers that make more of an example than memory can hold', () => {
    const upSampling = { type: 'upSampling2d', size: 1_000_000 };
    const image = { input: [1, 1, 1], loss: 'huber' };
    refuses({ ...image, layers: [upSampling, dense] }, /1-upSampling2d: computes 1000000000000 values/);
    refuses({ ...image, layers: [{ type: 'residual', layers: [upSampling] }, dense] }, /2d: computes 1000000000000/);
    refuses({ ...image, input: [1_000_000, 1_000_000], layers: [dense] }, /1-dense: computes 1000000000000 values/);
    const attention = { type: 'selfAttention', heads: 2 };
    refuses({ ...image, input: [100_000, 2], layers: [attention, dense] }, /computes 20000000000 values/); // 2 * 10^10
  });

  it('refuses an embedding that is not the first layer', () => {
    const embedding = { type: 'embedding', inputDim: 9, outputDim: 2 };
    refuses(withLayers({ type: 'flatten' }, embedding), /an embedding can only be the first layer/);
    refuses(withLayers({ type: 'residual', layers: [embedding] }, dense), /an embedding can only be the first layer/);
  });
});

describe('modelLayout', () => {
  it('lays kernel before bias, layer after layer, each under its number and type', () => {
    const model = checkModel({ input: [3], layers: [dense, { type: 'dropout', rate: 0.1 }, dense], loss: 'huber' });
    expect(modelLayout(model)).to.deep.equal([
      { name: '1-dense/kernel', shape: [3, 2], offset: 0 },
      { name: '1-dense/bias', shape: [2], offset: 6 },
      { name: '3-dense/kernel', shape: [2, 2], offset: 8 },
      { name: '3-dense/bias', shape: [2], offset: 12 },
    ]);
    expect(outputShape(model)).to.deep.equal([2]);
  });

  it('names the layers inside a sum after it', () => {
    const layers = [{ type: 'residual', layers: [{ type: 'dense', units: 4 }] }, dense];
    const names = modelLayout(checkModel(withLayers(...layers))).map(({ name }) => name);
    expect(names.slice(0, 2)).to.deep.equal(['1-residual/1-dense/kernel', '1-residual/1-dense/bias']);
  });
});
