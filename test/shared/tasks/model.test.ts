import { expect } from 'chai';
import { FederatedError } from '../../../shared/errors.ts';
import { taskByName, tasks } from '../../../shared/tasks/catalog.ts';
import { initialWeights } from '../../../shared/tasks/initial.ts';
import { modelLayout, outputShape, type ModelSpec } from '../../../shared/tasks/model.ts';
import { layoutSize } from '../../../shared/weights.ts';

const { model } = tasks['mnist-2nn']!;

describe('the 2NN of the catalog', () => {
  it('has the 199,210 parameters that McMahan et al. (2017), section 3, give', () => {
    expect(layoutSize(modelLayout(model))).to.equal(199_210); // 784*200+200 + 200*200+200 + 200*10+10
    expect(outputShape(model)).to.deep.equal([10]);
  });

  it('is found by its name, and another name is refused with those that are known', () => {
    expect(taskByName('mnist-2nn').training).to.include({ localEpochs: 1, batchSize: 10, clientLearningRate: 0.1 });
    expect(() => taskByName('nothing')).to.throw(FederatedError, /"nothing"; known are mnist-2nn/);
    expect(() => taskByName('toString')).to.throw(FederatedError, /known are/);
  });
});

describe('initialWeights', () => {
  it('draws kernels evenly within ±sqrt(6 / (fanIn + fanOut)) and leaves biases zero', () => {
    const weights = initialWeights(model, 1);
    const kernel = weights.subarray(0, 784 * 200);
    const limit = Math.sqrt(6 / 984);
    expect(kernel.every((value) => Math.abs(value) <= limit)).to.equal(true);
    const mean = kernel.reduce((sum, value) => sum + value, 0) / kernel.length;
    const variance = kernel.reduce((sum, value) => sum + value * value, 0) / kernel.length;
    expect(mean).to.be.closeTo(0, limit / 100); // standard error limit/sqrt(3 * 156800) = limit/686
    expect(variance).to.be.closeTo((limit * limit) / 3, limit * limit * 0.01); // of a uniform on ±limit: limit²/3
    expect(weights.subarray(784 * 200, 784 * 200 + 200).every((value) => value === 0)).to.equal(true);
  });

  it('gives the same bytes for the same seed and others for another', () => {
    expect(initialWeights(model, 7)).to.deep.equal(initialWeights(model, 7));
    expect(initialWeights(model, 7)).not.to.deep.equal(initialWeights(model, 8));
  });

  it('leaves the other layers as they are when one changes its size', () => {
    const wider: ModelSpec = {
      ...model,
      layers: [model.layers[0]!, model.layers[1]!, { ...model.layers[2]!, units: 12 } as never],
    };
    expect(initialWeights(wider, 7).subarray(0, 197_200)).to.deep.equal(initialWeights(model, 7).subarray(0, 197_200));
  });
});

describe('a model', () => {
  const dense = { type: 'dense', units: 2, activation: 'linear', useBias: true } as const;

  it('is refused when its last layer does not fit a cross entropy', () => {
    const wrong: ModelSpec = { input: [2], layers: [dense], loss: 'sparse-categorical-crossentropy' };
    expect(() => modelLayout(wrong)).to.throw(FederatedError, /needs a last dense layer with softmax/);
  });

  it('is refused when nothing in it can be trained', () => {
    const empty: ModelSpec = { input: [2], layers: [{ type: 'flatten' }], loss: 'mean-squared-error' };
    expect(() => modelLayout(empty)).to.throw(FederatedError, /nothing can be trained/);
  });

  it('is refused when a dense layer gets an image that is not flat', () => {
    const image: ModelSpec = { input: [28, 28], layers: [dense], loss: 'mean-squared-error' };
    expect(() => modelLayout(image)).to.throw(FederatedError, /put a flatten layer before it/);
  });
});
