import { expect } from 'chai';
import * as v from 'valibot';
import { activations, layerSchema } from '../../../../shared/tasks/layers.ts';
import { lossNames, modelSchema } from '../../../../shared/tasks/model.ts';
import { expectClose } from '../../../helpers/reference/close.ts';
import { centralDifferences, Differences, sampleWeights } from '../../../helpers/reference/differences.ts';
import { referenceModels } from '../../../helpers/reference/models.ts';
import { referenceLoss } from '../../../helpers/reference/network.ts';

describe('central differences of the reference', () => {
  it('agree with a gradient worked out by hand', () => {
    const model = v.parse(modelSchema, {
      input: [2],
      layers: [{ type: 'dense', units: 1 }],
      loss: 'mean-squared-error',
    });
    // y = 2a - b + 0.5 is 1.5 and 6.5; errors 0.5 and -0.5; gradients (2·0.5·1 - 2·0.5·3)/2, (2·0.5·1)/2, (1 - 1)/2
    const batch = { xs: Float32Array.of(1, 1, 3, 0), ys: Float32Array.of(1, 7), count: 2 };
    const { loss, slopes } = centralDifferences(
      model,
      new Differences(model, Float32Array.of(2, -1, 0.5), batch),
      [0, 1, 2],
    );
    expect(loss).to.be.closeTo(0.25, 1e-12);
    expectClose(
      slopes.map(({ central }) => central),
      [-1, 0.5, 0],
      1e-8,
    );
  });

  it('leave out weights at which the loss has a kink, and count them', () => {
    const model = v.parse(modelSchema, {
      input: [1],
      layers: [{ type: 'dense', units: 2, activation: 'relu', useBias: false }],
      loss: 'mean-squared-error',
    });
    const batch = { xs: Float32Array.of(1), ys: Float32Array.of(1, 1), count: 1 };
    const { slopes, skipped } = centralDifferences(
      model,
      new Differences(model, Float32Array.of(0.5, 0), batch), // the second unit is exactly at zero
      [0, 1],
    );
    expect(slopes.map(({ index }) => index)).to.deep.equal([0]);
    expect(skipped).to.equal(1);
  });

  it('are the same from any layer on, since what lies before a weight does not change', () => {
    const { model, weights, batch } = referenceModels['tabular perceptron with batch normalization and dropout']!;
    const differences = new Differences(model, weights, batch, 3);
    for (const index of sampleWeights(model, 30, 1)) {
      const moved = (by: number): number => {
        const at = Float64Array.from(weights);
        at[index]! += by;
        return referenceLoss(model, at, batch, { training: true, seed: 3 });
      };
      const step = 1e-5;
      const expected = (moved(step) - moved(-step)) / (2 * step);
      expect(differences.slope(index).central).to.be.closeTo(expected, 1e-7);
    }
  });
});

describe('the reference models', () => {
  it('have a kink at few of their weights', () => {
    for (const [name, { model, weights, batch }] of Object.entries(referenceModels)) {
      const indices = sampleWeights(model, 40, 1);
      const { skipped } = centralDifferences(model, new Differences(model, weights, batch), indices);
      expect(skipped / indices.length, name).to.be.below(0.03);
    }
  });

  it('have every layer, activation and loss among them', () => {
    const models = Object.values(referenceModels).map(({ model }) => model);
    const layers = models.flatMap((model) =>
      model.layers.flatMap((layer) => (layer.type === 'residual' ? [layer, ...layer.layers] : [layer])),
    );
    const types = layerSchema.options.map((option) => option.entries.type.literal);
    expect(types).to.have.length.above(20);
    expect(new Set(layers.map(({ type }) => type))).to.deep.equal(new Set(types));
    expect(new Set(models.map(({ loss }) => loss))).to.deep.equal(new Set(lossNames));
    const used = layers.flatMap((layer) => ('activation' in layer ? [layer.activation] : []));
    expect(new Set(used)).to.deep.equal(new Set(activations));
  });
});
