import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { backendNames } from '../../../shared/engine/backends.ts';
import { availableBackends, createEngine } from '../../../shared/engine/create-engine.ts';
import type { Engine, Examples } from '../../../shared/engine/engine.ts';
import { selfTest, selfTestModel } from '../../../shared/engine/self-test.ts';
import { seeded } from '../../../shared/random.ts';
import { initialWeights } from '../../../shared/tasks/initial.ts';
import type { ModelSpec } from '../../../shared/tasks/model.ts';
import { refuses } from '../../contracts/store.ts';

const classifier: ModelSpec = {
  input: [2, 3],
  layers: [
    { type: 'flatten' },
    { type: 'dense', units: 5, activation: 'tanh', useBias: true },
    { type: 'dense', units: 4, activation: 'relu', useBias: false },
    { type: 'dense', units: 3, activation: 'softmax', useBias: true },
  ],
  loss: 'sparse-categorical-crossentropy',
};
const regressor: ModelSpec = {
  input: [6],
  layers: [
    { type: 'dense', units: 4, activation: 'sigmoid', useBias: true },
    { type: 'dense', units: 2, activation: 'linear', useBias: true },
  ],
  loss: 'mean-squared-error',
};

const examplesFor = (model: ModelSpec, count: number, seed = 1): Examples => {
  const random = seeded(seed);
  const xs = Float32Array.from({ length: count * 6 }, () => 2 * random.float() - 1);
  const isClassifier = model.loss === 'sparse-categorical-crossentropy';
  const ys = isClassifier
    ? Int32Array.from({ length: count }, () => random.below(3))
    : Float32Array.from({ length: count * 2 }, () => random.float());
  return { xs, ys, count };
};
/** The gradient: one step with learning rate 1. */
const gradientOf = (engine: Engine, weights: Float32Array, batch: Examples): Float32Array => {
  engine.setWeights(weights);
  engine.step(batch, 1);
  return engine.getWeights().map((after, i) => weights[i]! - after);
};
const largest = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

const engines: Engine[] = [];
const engineFor = async (model: ModelSpec, backend: string): Promise<Engine> => {
  const engine = await createEngine({ model, backend });
  engines.push(engine);
  return engine;
};
afterEach(() => {
  for (const engine of engines.splice(0)) engine.dispose();
});

for (const backend of backendNames) {
  describe(`the engine on ${backend}`, () => {
    it('computes the loss and the gradient of one linear unit as by hand', async () => {
      const unit: ModelSpec = {
        input: [2],
        layers: [{ type: 'dense', units: 1, activation: 'linear', useBias: true }],
        loss: 'mean-squared-error',
      };
      const engine = await engineFor(unit, backend);
      engine.setWeights(Float32Array.of(2, -1, 0.5)); // y = 2a - b + 0.5
      const batch = { xs: Float32Array.of(1, 1, 3, 0), ys: Float32Array.of(1, 7), count: 2 };
      // y = 1.5, 6.5; errors 0.5, -0.5; loss (0.25 + 0.25) / 2; gradient of a: (2*0.5*1 - 2*0.5*3) / 2 = -1,
      // of b: (2*0.5*1) / 2 = 0.5, of the bias: (1 - 1) / 2 = 0
      expect(engine.step(batch, 0.1)).to.be.closeTo(0.25, 1e-6);
      const [a, b, bias] = engine.getWeights();
      expect([a, b, bias].map((value) => Math.round(value! * 1e5) / 1e5)).to.deep.equal([2.1, -1.05, 0.5]);
    });

    for (const [name, model] of [
      ['a classifier', classifier],
      ['a regressor', regressor],
    ] as const) {
      it(`gives gradients of ${name} that central differences confirm`, async () => {
        const engine = await engineFor(model, backend);
        const weights = initialWeights(model, 3).map((value, i) => value + (i % 7) / 50);
        const batch = examplesFor(model, 8);
        const gradient = gradientOf(engine, weights, batch);
        const h = 1e-2; // losses are float32: about 1e-7 / h of rounding, h² of truncation
        for (let i = 0; i < weights.length; i += 3) {
          const lossAt = (shift: number): number => {
            engine.setWeights(weights.map((value, j) => (j === i ? value + shift : value)));
            return engine.evaluate(batch).loss;
          };
          expect(gradient[i], `weight ${i}`).to.be.closeTo((lossAt(h) - lossAt(-h)) / (2 * h), 1e-3);
        }
      });
    }

    it('keeps the number of tensors the same from step to step, and frees all in the end', async () => {
      const before = tf.memory().numTensors;
      const engine = await createEngine({ model: classifier, backend });
      engine.setWeights(initialWeights(classifier, 1));
      const batch = examplesFor(classifier, 4);
      engine.step(batch, 0.1);
      const during = tf.memory().numTensors;
      engine.step(batch, 0.1);
      engine.evaluate(batch, 3);
      engine.getWeights();
      engine.setWeights(initialWeights(classifier, 2));
      expect(tf.memory().numTensors).to.equal(during);
      engine.dispose();
      expect(tf.memory().numTensors).to.equal(before);
    });

    it('gives the same bytes twice', async () => {
      const train = async (): Promise<Float32Array> => {
        const engine = await engineFor(classifier, backend);
        engine.setWeights(initialWeights(classifier, 5));
        for (let i = 0; i < 20; i++) engine.step(examplesFor(classifier, 5, i), 0.1);
        return engine.getWeights();
      };
      expect(await train()).to.deep.equal(await train());
    });

    it('evaluates in batches what it evaluates at once', async () => {
      const engine = await engineFor(classifier, backend);
      engine.setWeights(initialWeights(classifier, 5));
      const examples = examplesFor(classifier, 50);
      const whole = engine.evaluate(examples);
      const parts = engine.evaluate(examples, 7);
      expect(parts.loss).to.be.closeTo(whole.loss, 1e-6);
      expect(parts.accuracy).to.equal(whole.accuracy);
    });

    it('has a finite loss for logits in the thousands', async () => {
      const linear: ModelSpec = {
        input: [1],
        layers: [{ type: 'dense', units: 2, activation: 'softmax', useBias: false }],
        loss: 'sparse-categorical-crossentropy',
      };
      const engine = await engineFor(linear, backend);
      engine.setWeights(Float32Array.of(2000, -2000));
      const batch = { xs: Float32Array.of(1), ys: Int32Array.of(1), count: 1 };
      expect(engine.evaluate(batch)).to.deep.equal({ loss: 4000, accuracy: 0 }); // log(1 + e^4000) = 4000
      expect(engine.step(batch, 1)).to.equal(4000);
      expect([...engine.getWeights()]).to.deep.equal([1999, -1999]); // softmax - onehot = (1, -1)
    });

    it('copies weights in and out', async () => {
      const engine = await engineFor(classifier, backend);
      const weights = initialWeights(classifier, 1);
      const kept = weights.slice();
      engine.setWeights(weights);
      engine.getWeights().fill(9);
      weights.fill(8);
      expect(engine.getWeights()).to.deep.equal(kept);
    });

    it('refuses weights and examples of a wrong size, and labels that are no class', async () => {
      const engine = await engineFor(classifier, backend);
      const xs = new Float32Array(12);
      expect(() => engine.setWeights(new Float32Array(3)))
        .to.throw()
        .with.property('code', 'WRONG_SHAPE');
      const wrong: Examples[] = [
        { xs, ys: Int32Array.of(0), count: 1 },
        { xs, ys: Int32Array.of(0), count: 2 },
        { xs: new Float32Array(0), ys: new Int32Array(0), count: 0 },
        { xs, ys: Int32Array.of(0, 3), count: 2 },
        { xs, ys: Int32Array.of(0, -1), count: 2 },
      ];
      for (const examples of wrong) {
        expect(() => engine.step(examples, 0.1))
          .to.throw()
          .with.property('code', 'BAD_DATA');
        expect(() => engine.evaluate(examples))
          .to.throw()
          .with.property('code', 'BAD_DATA');
      }
    });
  });
}

describe('the backends', () => {
  it('agree on the gradients to 1e-5', async () => {
    for (const model of [classifier, regressor]) {
      const weights = initialWeights(model, 3);
      const batch = examplesFor(model, 16);
      const wasm = gradientOf(await engineFor(model, 'wasm'), weights, batch);
      const cpu = gradientOf(await engineFor(model, 'cpu'), weights, batch);
      expect(largest(wasm, cpu)).to.be.below(1e-5);
      expect(wasm.some((value) => value !== 0)).to.equal(true);
    }
  });

  it('can be used in turns, each engine on its own', async () => {
    const [wasm, cpu] = [await engineFor(classifier, 'wasm'), await engineFor(classifier, 'cpu')];
    for (const engine of [wasm, cpu]) engine.setWeights(initialWeights(classifier, 1));
    const batch = examplesFor(classifier, 4);
    for (let i = 0; i < 5; i++) {
      expect(Math.abs(wasm.step(batch, 0.1) - cpu.step(batch, 0.1))).to.be.below(1e-5);
    }
    expect(largest(wasm.getWeights(), cpu.getWeights())).to.be.below(1e-5);
  });

  it('start once for many that ask at the same time', async () => {
    const made = await Promise.all(['cpu', 'wasm', 'auto', 'cpu'].map((name) => engineFor(classifier, name)));
    expect(made.map(({ backend }) => backend)).to.deep.equal(['cpu', 'wasm', 'wasm', 'cpu']);
  });

  it('are reported with their speed', async () => {
    let now = 0;
    const reports = await availableBackends(() => (now += 5)); // each step takes 5 ms: 10 examples / 5 ms
    expect(reports).to.deep.equal(
      backendNames.map((name) => ({ name, found: true, reason: null, examplesPerSecond: 2_000 })),
    );
  });

  it('leave no listener for uncaught errors in the process', async () => {
    await engineFor(classifier, 'wasm');
    const listeners = [...process.listeners('uncaughtException'), ...process.listeners('unhandledRejection')];
    expect(listeners.filter((listener) => /ExitStatus|throw reason/.test(String(listener)))).to.deep.equal([]);
  });

  it('that are unknown are refused by name', () =>
    refuses(createEngine({ model: classifier, backend: 'abacus' }), 'NO_BACKEND'));
});

describe('the self-test', () => {
  it('accepts an engine that is right', async () => {
    expect(selfTest(await engineFor(selfTestModel, 'cpu'))).to.equal(null);
  });

  it('refuses one that gives a wrong loss, or a wrong gradient', async () => {
    const right = await engineFor(selfTestModel, 'cpu');
    const broken = (over: Partial<Engine>): Engine => ({
      backend: 'broken',
      layout: right.layout,
      getWeights: () => right.getWeights(),
      setWeights: (weights) => right.setWeights(weights),
      step: (batch, rate) => right.step(batch, rate),
      evaluate: (examples) => right.evaluate(examples),
      dispose: () => {},
      ...over,
    });
    expect(selfTest(broken({ step: () => Number.NaN }))).to.match(/the loss NaN/);
    expect(selfTest(broken({ step: (batch) => right.step(batch, 0.99) }))).to.match(/for gradient/);
  });
});
