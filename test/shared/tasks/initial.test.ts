import { expect } from 'chai';
import { tasks } from '../../../shared/tasks/catalog.ts';
import { initialWeights } from '../../../shared/tasks/initial.ts';
import { checkModel, modelLayout, type ModelSpec } from '../../../shared/tasks/model.ts';
import { sizeOf } from '../../../shared/weights.ts';

const { model } = tasks['mnist-2nn']!;

/** The initial values of one weight. */
const valuesOf = (of: ModelSpec, name: string): Float32Array => {
  const entry = modelLayout(of).find((each) => each.name === name)!;
  return initialWeights(of, 1).subarray(entry.offset, entry.offset + sizeOf(entry.shape));
};

describe('initialWeights', () => {
  it('draws kernels evenly within ±sqrt(6 / (fanIn + fanOut)) and leaves biases zero', () => {
    const kernel = valuesOf(model, '1-dense/kernel');
    const limit = Math.sqrt(6 / 984);
    expect(kernel.every((value) => Math.abs(value) <= limit)).to.equal(true);
    const mean = kernel.reduce((sum, value) => sum + value, 0) / kernel.length;
    const variance = kernel.reduce((sum, value) => sum + value * value, 0) / kernel.length;
    expect(mean).to.be.closeTo(0, limit / 100); // standard error limit/sqrt(3 * 156800) = limit/686
    expect(variance).to.be.closeTo((limit * limit) / 3, limit * limit * 0.01); // of a uniform on ±limit: limit²/3
    expect(valuesOf(model, '1-dense/bias').every((value) => value === 0)).to.equal(true);
  });

  it('counts the whole window of a convolution as its fans', () => {
    const limit = Math.sqrt(6 / (25 * 1 + 25 * 32)); // 5x5, from 1 channel to 32
    const largest = valuesOf(tasks['mnist-cnn']!.model, '1-conv2d/kernel').reduce((most, x) =>
      Math.max(most, Math.abs(x)),
    );
    expect(largest).to.be.within(0.98 * limit, limit); // of 800 even draws
  });

  it('opens the forget gate of an LSTM, and no other', () => {
    const bias = valuesOf(tasks['char-lstm']!.model, '2-lstm/bias');
    const gates = [0, 1, 2, 3].map((gate) => new Set(bias.subarray(gate * 256, (gate + 1) * 256)));
    expect(gates).to.deep.equal([new Set([0]), new Set([1]), new Set([0]), new Set([0])]); // i, f, c, o
    const recurrent = valuesOf(tasks['char-lstm']!.model, '2-lstm/recurrent-kernel');
    expect(recurrent.every((value) => Math.abs(value) <= 1 / 16)).to.equal(true); // 1/sqrt(256)
  });

  it('starts normalization as the identity', () => {
    const normal = checkModel({
      input: [3],
      layers: [{ type: 'batchNormalization' }, { type: 'dense', units: 1 }],
      loss: 'huber',
    });
    const parts = ['gamma', 'beta', 'moving-mean', 'moving-variance'].map((part) => [
      ...valuesOf(normal, `1-batchNormalization/${part}`),
    ]);
    expect(parts).to.deep.equal([
      [1, 1, 1],
      [0, 0, 0],
      [0, 0, 0],
      [1, 1, 1],
    ]);
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
