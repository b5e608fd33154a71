import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { dropoutMask } from '../../../../shared/engine/dropout.ts';
import type { Examples } from '../../../../shared/engine/engine.ts';
import { GraphEngine } from '../../../../shared/engine/graph/graph-engine.ts';
import { checkModel, type ModelInput, type ModelSpec } from '../../../../shared/tasks/model.ts';
import { refuses } from '../../../contracts/store.ts';
import { layerCases } from './layer-cases.ts';
import { disposeEngines, graphEngine, largest, someExamples, someWeights, startCpu } from './support.ts';

const classifier = checkModel({
  input: [2, 3],
  layers: [
    { type: 'flatten' },
    { type: 'dense', units: 5, activation: 'tanh' },
    { type: 'batchNormalization', momentum: 0.75 },
    { type: 'dropout', rate: 0.25 },
    { type: 'dense', units: 4, activation: 'relu', useBias: false },
    { type: 'dense', units: 3, activation: 'softmax' },
  ],
  loss: 'sparse-categorical-crossentropy',
});
/** y = a x1 + b x2 + bias */
const unit = checkModel({ input: [2], layers: [{ type: 'dense', units: 1 }], loss: 'mean-squared-error' });
const unitBatch: Examples = { xs: Float32Array.of(1, 1, 3, 0), ys: Float32Array.of(1, 7), count: 2 };
const unitEngine = () => {
  const engine = graphEngine(unit);
  engine.setWeights(Float32Array.of(2, -1, 0.5));
  return engine;
};

describe('the graph engine', () => {
  before(startCpu);
  afterEach(disposeEngines);

  it('computes the loss and the gradient of one linear unit as by hand', async () => {
    // y = 1.5, 6.5; errors 0.5, -0.5; loss (0.25 + 0.25) / 2; gradient of a: (2*0.5*1 - 2*0.5*3) / 2 = -1,
    // of b: (2*0.5*1) / 2 = 0.5, of the bias: (1 - 1) / 2 = 0
    const engine = unitEngine();
    const { loss, gradients } = await engine.gradients(unitBatch);
    expect(loss).to.equal(0.25);
    expect([...gradients]).to.deep.equal([-1, 0.5, 0]);
    engine.step(unitBatch, 0.5);
    expect([...(await engine.getWeights())]).to.deep.equal([2.5, -1.25, 0.5]);
    expect(await engine.takeLoss()).to.equal(0.25);
  });

  it('takes the loss over all steps since it was taken last', async () => {
    const engine = unitEngine();
    expect(await engine.takeLoss()).to.deep.equal(Number.NaN);
    engine.step(unitBatch, 0); // 0.25 over two examples
    engine.step({ xs: Float32Array.of(0, 0), ys: Float32Array.of(2.5), count: 1 }, 0); // 4 for one
    expect(await engine.takeLoss()).to.be.closeTo(4.5 / 3, 1e-6);
    expect(await engine.takeLoss()).to.deep.equal(Number.NaN);
    engine.step(unitBatch, 0);
    expect(await engine.takeLoss()).to.equal(0.25);
  });

  it('begins each rule with fresh state, and plain SGD without one', async () => {
    const engine = unitEngine();
    const after = async (steps: number) => {
      engine.setWeights(Float32Array.of(2, -1, 0.5));
      for (let i = 0; i < steps; i++) engine.step(unitBatch, 0.01);
      return engine.getWeights();
    };
    const momentum = { optimizer: { name: 'momentum', momentum: 0.9 } } as const;
    const sgd = await after(2);
    engine.setRule(momentum);
    const fresh = await after(2);
    expect(largest(fresh, sgd)).to.be.above(1e-3);
    expect(largest(await after(2), fresh)).to.be.above(1e-3); // still with the state of the steps before
    engine.setRule(momentum);
    expect(await after(2)).to.deep.equal(fresh);
  });

  it('predicts after the last activation, in batches as at once', async () => {
    const engine = graphEngine(classifier);
    const { xs } = someExamples(classifier, 10);
    const whole = await engine.predict(xs, 10);
    for (let i = 0; i < 10; i++) {
      const [a, b, c] = whole.subarray(3 * i, 3 * i + 3);
      expect(a! + b! + c!).to.be.closeTo(1, 1e-6);
    }
    expect(largest(await engine.predict(xs, 10, 3), whole)).to.be.below(1e-6);
  });

  it('evaluates in batches what it evaluates at once', async () => {
    const engine = graphEngine(classifier);
    const examples = someExamples(classifier, 50);
    const whole = await engine.evaluate(examples);
    const parts = await engine.evaluate(examples, 7);
    expect(parts.loss).to.be.closeTo(whole.loss, 1e-6);
    expect(parts.accuracy).to.equal(whole.accuracy);
  });

  it('drops by the mask of the seed and of the layer, also inside a residual, and nothing in evaluation', async () => {
    const model = checkModel({
      input: [2],
      layers: [
        { type: 'dropout', rate: 0.25 },
        { type: 'residual', layers: [{ type: 'dropout', rate: 0.5 }] },
        { type: 'dense', units: 1, useBias: false },
      ],
      loss: 'mean-absolute-error',
    });
    const engine = graphEngine(model);
    engine.setWeights(Float32Array.of(1, 1));
    const batch = { xs: Float32Array.of(1, 2, 3, 4, 5, 6), ys: new Float32Array(3), count: 3 };
    const lossOf = (seed: number): number => {
      const [first, second] = [0.25, 0.5].map((rate, i) => dropoutMask(seed, i, rate, new Float32Array(6)));
      return batch.xs.reduce((sum, x, i) => sum + x * first![i]! * (1 + second![i]!), 0) / 3;
    };
    for (const seed of [0, 5, 4294967295]) {
      expect((await engine.gradients(batch, seed)).loss).to.be.closeTo(lossOf(seed), 1e-5);
      engine.step(batch, 0, seed);
      expect(await engine.takeLoss()).to.be.closeTo(lossOf(seed), 1e-5);
    }
    expect((await engine.gradients(batch)).loss).to.be.closeTo(lossOf(0), 1e-5);
    expect((await engine.evaluate(batch)).loss).to.equal((2 * 21) / 3);
  });

  it('moves the statistics of a batch normalisation in a step, and only there', async () => {
    const model = checkModel({
      input: [1],
      layers: [
        { type: 'batchNormalization', momentum: 0.75, epsilon: 1 },
        { type: 'dense', units: 1 },
      ],
      loss: 'mean-squared-error',
    });
    const engine = graphEngine(model);
    engine.setWeights(Float32Array.of(1, 0, 8, 4, 1, 0)); // gamma, beta, mean, variance, kernel, bias
    const batch = { xs: Float32Array.of(1, 3, 5, 7), ys: new Float32Array(4), count: 4 }; // mean 4, variance 5
    const { gradients, loss } = await engine.gradients(batch);
    expect([...gradients.subarray(2, 4)]).to.deep.equal([0, 0]);
    expect(loss).to.be.closeTo(5 / 6, 1e-6); // mean of (x - 4)² / (5 + 1)
    await engine.evaluate(batch);
    await engine.predict(batch.xs, 4);
    expect([...(await engine.getWeights()).subarray(2, 4)]).to.deep.equal([8, 4]);
    engine.step(batch, 0);
    expect([...(await engine.getWeights())]).to.deep.equal([1, 0, 7, 4.25, 1, 0]); // (3 · 8 + 4) / 4, (3 · 4 + 5) / 4
    // With the moved statistics: ((1 - 7)² + (3 - 7)² + (5 - 7)² + 0) / (4.25 + 1) / 4
    expect((await engine.evaluate(batch)).loss).to.be.closeTo(56 / 5.25 / 4, 1e-6);
  });

  it('keeps the number of tensors the same from step to step, and frees all in the end', async () => {
    for (const { model } of [{ model: classifier }, ...layerCases]) {
      const before = tf.memory().numTensors;
      const engine = new GraphEngine(model, 'cpu');
      engine.setRule({
        optimizer: { name: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
        l2: 0.1,
        gradientClipNorm: 1,
        gradientClipValue: 1,
      });
      engine.setWeights(someWeights(model));
      const batch = someExamples(model, 4);
      engine.step(batch, 0.1);
      const during = tf.memory().numTensors;
      engine.step(batch, 0.1);
      await engine.gradients(batch);
      await engine.evaluate(batch, 3);
      await engine.predict(batch.xs, 4, 3);
      await engine.getWeights();
      engine.setWeights(someWeights(model, 2));
      expect(tf.memory().numTensors).to.equal(during);
      await engine.takeLoss();
      expect(tf.memory().numTensors).to.equal(during - 1);
      engine.step(batch, 0.1);
      engine.dispose();
      expect(tf.memory().numTensors).to.equal(before);
    }
  });

  it('computes no gradient of the data: one product or convolution less on the way back', async () => {
    const kernelsOf = async (layers: ModelInput['layers'], input: number[]): Promise<string[]> => {
      const model = checkModel({ input, layers, loss: 'mean-squared-error' });
      const engine = graphEngine(model);
      const batch = someExamples(model, 2);
      return (
        await tf.profile(() => {
          engine.step(batch, 0.1);
          return tf.scalar(0);
        })
      ).kernelNames;
    };
    const conv = { type: 'conv2d', filters: 2, kernelSize: 2 } as const;
    expect(await kernelsOf([conv], [3, 3, 1])).to.not.include('Conv2DBackpropInput');
    expect(await kernelsOf([conv, conv], [3, 3, 1])).to.include('Conv2DBackpropInput');
  });

  it('gives the same bytes twice', async () => {
    const train = async (): Promise<Float32Array> => {
      const engine = graphEngine(classifier, { optimizer: { name: 'nesterov', momentum: 0.9 } });
      for (let i = 0; i < 20; i++) engine.step(someExamples(classifier, 5, i), 0.01, i);
      return engine.getWeights();
    };
    expect(await train()).to.deep.equal(await train());
  });

  it('learns what it is shown, by every loss', async () => {
    const ends = {
      'sparse-categorical-crossentropy': 'softmax',
      'categorical-crossentropy': 'softmax',
      'binary-crossentropy': 'sigmoid',
      'mean-squared-error': 'linear',
      'mean-absolute-error': 'linear',
      huber: 'linear',
    } as const satisfies Record<ModelSpec['loss'], string>;
    for (const [loss, activation] of Object.entries(ends) as [ModelSpec['loss'], 'linear'][]) {
      const model = checkModel({
        input: [6],
        layers: [
          { type: 'dense', units: 16, activation: 'tanh' },
          { type: 'dense', units: 3, activation },
        ],
        loss,
      });
      const engine = graphEngine(model);
      const { xs, count, ys } = someExamples(model, 8);
      const targets = ys instanceof Int32Array ? ys : ys.map((_, i) => (i % 3 === (i >> 2) % 3 ? 1 : 0));
      const batch = { xs, ys: targets, count };
      const before = (await engine.evaluate(batch)).loss;
      for (let i = 0; i < 150; i++) engine.step(batch, 0.2);
      expect((await engine.evaluate(batch)).loss, loss).to.be.below(before / 2);
    }
  });

  it('copies weights in and out', async () => {
    const engine = graphEngine(classifier);
    const weights = someWeights(classifier);
    const kept = weights.slice();
    engine.setWeights(weights);
    (await engine.getWeights()).fill(9);
    weights.fill(8);
    expect(await engine.getWeights()).to.deep.equal(kept);
  });

  it('lives beside another on another backend, in turns also between awaits, without moving data', async () => {
    let moves = 0;
    class Twin extends MathBackendCPU {
      override move(...data: Parameters<MathBackendCPU['move']>): void {
        moves++;
        super.move(...data);
      }
    }
    tf.registerBackend('twin', () => new Twin());
    tf.copyRegisteredKernels('cpu', 'twin');
    await tf.setBackend('twin');
    const engines = ['cpu', 'twin'].map((backend) => new GraphEngine(classifier, backend, `my ${backend}`));
    expect(engines.map(({ backend }) => backend)).to.deep.equal(['my cpu', 'my twin']);
    const batch = someExamples(classifier, 10);
    const results = await Promise.all(
      engines.map(async (engine) => {
        engine.setWeights(someWeights(classifier));
        engine.setRule({ optimizer: { name: 'momentum', momentum: 0.9 } });
        for (let i = 0; i < 3; i++) {
          engine.step(batch, 0.1, i);
          await Promise.resolve();
        }
        const measured = await engine.evaluate(batch, 3);
        const { gradients } = await engine.gradients(batch);
        const predicted = await engine.predict(batch.xs, 10, 4);
        return [measured, gradients, predicted, await engine.takeLoss(), await engine.getWeights()];
      }),
    );
    for (const engine of engines) engine.dispose();
    await tf.setBackend('cpu');
    tf.removeBackend('twin');
    expect(results[0]).to.deep.equal(results[1]);
    expect(moves).to.equal(0);
  });

  it('refuses weights and examples of a wrong size, and labels and words that are none', async () => {
    const engine = graphEngine(classifier);
    expect(() => engine.setWeights(new Float32Array(3)))
      .to.throw()
      .with.property('code', 'WRONG_SHAPE');
    const xs = new Float32Array(12);
    const wrong: Examples[] = [
      { xs, ys: Int32Array.of(0), count: 1 },
      { xs, ys: Int32Array.of(0), count: 2 },
      { xs: new Float32Array(0), ys: new Int32Array(0), count: 0 },
      { xs, ys: Int32Array.of(0, 3), count: 2 },
      { xs, ys: Int32Array.of(0, -1), count: 2 },
    ];
    const before = tf.memory().numTensors;
    for (const examples of wrong) {
      expect(() => engine.step(examples, 0.1))
        .to.throw()
        .with.property('code', 'BAD_DATA');
      await refuses(engine.gradients(examples), 'BAD_DATA');
      await refuses(engine.evaluate(examples), 'BAD_DATA');
    }
    await refuses(engine.predict(xs, 3), 'BAD_DATA');
    expect(tf.memory().numTensors).to.equal(before);
    const words = graphEngine(layerCases.find(({ name }) => name === 'embedding')!.model);
    for (const word of [-1, 5, 0.5, Number.NaN]) {
      await refuses(words.predict(Float32Array.of(0, 1, 2, word), 1), 'BAD_DATA');
    }
  });
});
