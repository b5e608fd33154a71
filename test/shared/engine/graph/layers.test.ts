import * as tf from '@tensorflow/tfjs-core';
import { sequential } from '@tensorflow/tfjs-layers';
import { expect } from 'chai';
import { seeded } from '../../../../shared/random.ts';
import { checkModel, modelLayout, outputShape, type ModelInput } from '../../../../shared/tasks/model.ts';
import { sizeOf } from '../../../../shared/weights.ts';
import { layerCases } from './layer-cases.ts';
import { disposeEngines, graphEngine, largest, someExamples, someWeights, startCpu } from './support.ts';

const head = { type: 'dense', units: 2 } as const;
const modelOf = (input: number[], layers: ModelInput['layers']) =>
  checkModel({ input, layers, loss: 'mean-squared-error' });

describe('the layers of the graph engine', () => {
  before(startCpu);
  afterEach(disposeEngines);

  for (const { name, model, keras } of layerCases) {
    if (keras !== undefined) {
      it(`predict as TensorFlow.js layers do: ${name}`, async () => {
        const reference = sequential({ name: 'reference' });
        const [first, ...others] = keras();
        first!.batchInputShape = [null, ...model.input];
        for (const layer of [first!, ...others]) reference.add(layer);
        const weights = someWeights(model);
        const tensors = modelLayout(model).map(({ shape, offset }) =>
          tf.tensor(weights.slice(offset, offset + sizeOf(shape)), [...shape]),
        );
        // Layer by layer, since the weights of a whole Keras model have the moving statistics of all layers at their end.
        const variables = reference.layers.flatMap((layer) => layer.weights);
        expect(variables).to.have.length(tensors.length);
        for (const [i, variable] of variables.entries()) variable.write(tensors[i]!);
        const { xs } = someExamples(model, 3);
        const input = tf.tensor(xs, [3, ...model.input]);
        const expected = reference.predict(input) as tf.Tensor;
        expect(expected.shape).to.deep.equal([3, ...outputShape(model)]);
        expect(largest(await graphEngine(model).predict(xs, 3), expected.dataSync())).to.be.below(1e-6);
        reference.dispose();
        tf.dispose([...tensors, input, expected]);
      });
    }

    it(`have the gradient that a small move along it confirms: ${name}`, async () => {
      const engine = graphEngine(model);
      const weights = someWeights(model);
      const batch = someExamples(model, 4);
      const seed = 9; // the same mask each time
      const { gradients } = await engine.gradients(batch, seed);
      const random = seeded(3);
      const direction = gradients.map((slope) => Math.sign(slope) * (0.5 + random.float())); // no cancelling
      const h = 2e-3;
      const lossAt = async (shift: number): Promise<number> => {
        engine.setWeights(weights.map((weight, i) => weight + shift * direction[i]!));
        return (await engine.gradients(batch, seed)).loss;
      };
      const slope = ((await lossAt(h)) - (await lossAt(-h))) / (2 * h);
      const expected = gradients.reduce((sum, gradient, i) => sum + gradient * direction[i]!, 0);
      expect(expected).to.be.above(0.01);
      expect(slope / expected).to.be.closeTo(1, 5e-3);
    });
  }

  it('share the gradient of a maximum that several places have', async () => {
    const model = modelOf([3, 1], [{ type: 'dense', units: 1 }, { type: 'globalMaxPooling1d' }]);
    const engine = graphEngine(model);
    engine.setWeights(Float32Array.of(2, 0));
    // Outputs 2, 2, -2, maximum 2, error 2: d/dw (max - 0)² = 2 · 2 · 1, not twice that.
    const { gradients } = await engine.gradients({ xs: Float32Array.of(1, 1, -1), ys: Float32Array.of(0), count: 1 });
    expect([...gradients]).to.deep.equal([4, 4]);
  });

  it('leave the padding out of a mean, also in its gradient', async () => {
    // Outputs of [w, 2w, 3w] for windows of 2 with `same`: 1.5 w, 3 w. Loss (2.25 + 9) w² / 2, at 1 slope 11.25.
    const model = modelOf(
      [3, 1],
      [
        { type: 'dense', units: 1, useBias: false },
        { type: 'averagePooling1d', padding: 'same' },
      ],
    );
    const engine = graphEngine(model);
    engine.setWeights(Float32Array.of(1));
    const batch = { xs: Float32Array.of(1, 2, 3), ys: Float32Array.of(0, 0), count: 1 };
    const { loss, gradients } = await engine.gradients(batch);
    expect([loss, gradients[0]]).to.deep.equal([5.625, 11.25]);
  });

  it('let no place see what comes after it, where attention is causal', async () => {
    const model = modelOf([4, 6], [{ type: 'selfAttention', heads: 2, causal: true }]);
    const engine = graphEngine(model);
    const { xs } = someExamples(model, 1);
    const before = await engine.predict(xs, 1);
    xs.fill(5, 12); // the last two places
    const after = await engine.predict(xs, 1);
    expect(after.slice(0, 12)).to.deep.equal(before.slice(0, 12));
    expect(largest(after.slice(12), before.slice(12))).to.be.above(0.1);
  });

  it('attend as the formula says', async () => {
    // One head of width 1, all kernels 1 and biases 0: out_i = Σ_j softmax_j(x_i x_j) x_j.
    const model = modelOf([2, 1], [{ type: 'selfAttention', heads: 1 }]);
    const engine = graphEngine(model);
    engine.setWeights(Float32Array.of(1, 0, 1, 0, 1, 0, 1, 0));
    const [a, b] = [0.5, -1];
    const out = (x: number): number =>
      (Math.exp(x * a) * a + Math.exp(x * b) * b) / (Math.exp(x * a) + Math.exp(x * b));
    expect(largest(await engine.predict(Float32Array.of(a, b), 1), [out(a), out(b)])).to.be.below(1e-6);
  });

  it('add their input in a residual, and a vector to each place in a position embedding', async () => {
    const residual = graphEngine(modelOf([2], [{ type: 'residual', layers: [{ type: 'dense', units: 2 }] }, head]));
    residual.setWeights(Float32Array.of(1, 2, 3, 4, 5, 6, 1, 0, 0, 1, 0, 0)); // x W + b, then the identity
    expect([...(await residual.predict(Float32Array.of(1, 2), 1))]).to.deep.equal([1 + 7 + 5, 2 + 10 + 6]);
    const positions = graphEngine(modelOf([2, 1], [{ type: 'positionEmbedding' }]));
    positions.setWeights(Float32Array.of(10, 20));
    expect([...(await positions.predict(Float32Array.of(1, 2, 3, 4), 2))]).to.deep.equal([11, 22, 13, 24]);
  });
});
