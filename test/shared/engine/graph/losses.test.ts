import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { lossOf } from '../../../../shared/engine/graph/losses.ts';
import { disposeEngines, graphEngine, largest, startCpu } from './support.ts';
import { checkModel, type LossName } from '../../../../shared/tasks/model.ts';

/** The loss and its gradient by the outputs. */
const measure = (loss: LossName, output: number[], shape: number[], ys: Int32Array | Float32Array) =>
  tf.tidy(() => {
    const { value, grad } = tf.valueAndGrad((z: tf.Tensor) => lossOf(loss, z, ys))(tf.tensor(output, shape));
    return { value: value.dataSync()[0]!, gradient: Array.from(grad.dataSync()) };
  });
const check = (
  { value, gradient }: ReturnType<typeof measure>,
  expected: { readonly value: number; readonly gradient: readonly number[] },
) => {
  expect(value).to.be.closeTo(expected.value, 1e-6);
  expect(largest(gradient, expected.gradient)).to.be.below(1e-6);
};
const { log } = Math;

describe('the losses of the graph engine', () => {
  before(startCpu);
  afterEach(disposeEngines);

  it('take cross entropy from logits: softmax(0, log 2, log 5) = (1, 2, 5) / 8', () => {
    const logits = [0, log(2), log(5)];
    check(measure('sparse-categorical-crossentropy', logits, [1, 3], Int32Array.of(2)), {
      value: log(8 / 5),
      gradient: [1 / 8, 2 / 8, -3 / 8],
    });
    check(measure('categorical-crossentropy', logits, [1, 3], Float32Array.of(0.5, 0.5, 0)), {
      value: log(8) / 2 + log(4) / 2,
      gradient: [-3 / 8, -2 / 8, 5 / 8],
    });
    // Targets that sum up to 2: Σ t = 2 stands before the softmax.
    check(measure('categorical-crossentropy', logits, [1, 3], Float32Array.of(1, 1, 0)), {
      value: log(8) + log(4),
      gradient: [-6 / 8, -4 / 8, 10 / 8],
    });
  });

  it('take the mean over examples and places', () => {
    // Two examples of one and the same, each with the places (0, log 3) labelled 0 and (0, 0) labelled 1.
    const logits = [0, log(3), 0, 0];
    check(measure('sparse-categorical-crossentropy', [...logits, ...logits], [2, 2, 2], Int32Array.of(0, 1, 0, 1)), {
      value: (log(4) + log(2)) / 2,
      gradient: [-0.75, 0.75, 0.5, -0.5, -0.75, 0.75, 0.5, -0.5].map((slope) => slope / 4),
    });
  });

  it('take binary cross entropy from logits: sigmoid(log 3) = 3 / 4', () => {
    check(measure('binary-crossentropy', [log(3), log(3), 0], [1, 3], Float32Array.of(1, 0, 0.5)), {
      value: (log(4 / 3) + log(4) + log(2)) / 3,
      gradient: [-0.25 / 3, 0.75 / 3, 0],
    });
    check(measure('binary-crossentropy', [log(3), log(3)], [2, 1], Int32Array.of(1, 0)), {
      value: (log(4 / 3) + log(4)) / 2,
      gradient: [-0.125, 0.375],
    });
  });

  it('stay finite for logits of any size', () => {
    check(measure('sparse-categorical-crossentropy', [1e5, -1e5], [1, 2], Int32Array.of(1)), {
      value: 2e5,
      gradient: [1, -1],
    });
    check(measure('categorical-crossentropy', [1e5, -1e5], [1, 2], Float32Array.of(1, 0)), {
      value: 0,
      gradient: [0, 0],
    });
    check(measure('binary-crossentropy', [1e5, -1e5, 1e5, -1e5], [4, 1], Float32Array.of(0, 0, 1, 1)), {
      value: 5e4,
      gradient: [0.25, 0, 0, -0.25],
    });
  });

  it('measure distances', () => {
    const outputs = [0.5, -3, 2, 1];
    const targets = Float32Array.of(0, 0, 2, 0); // errors 0.5, -3, 0, 1
    check(measure('mean-squared-error', outputs, [2, 2], targets), {
      value: (0.25 + 9 + 0 + 1) / 4,
      gradient: [0.25, -1.5, 0, 0.5],
    });
    check(measure('mean-absolute-error', outputs, [2, 2], targets), {
      value: (0.5 + 3 + 0 + 1) / 4,
      gradient: [0.25, -0.25, 0, 0.25],
    });
    check(measure('huber', outputs, [2, 2], targets), {
      value: (0.125 + 2.5 + 0 + 0.5) / 4, // e² / 2 up to 1, |e| - 1 / 2 beyond
      gradient: [0.125, -0.25, 0, 0.25],
    });
  });
});

describe('the measures of the graph engine', () => {
  before(startCpu);
  afterEach(disposeEngines);

  /** One weight: the outputs are the inputs times (1, -1). */
  const engineFor = (loss: LossName, units: number, activation: 'softmax' | 'sigmoid' | 'linear') => {
    const layers = [{ type: 'dense', units, activation, useBias: false } as const];
    const engine = graphEngine(checkModel({ input: [1], layers, loss }));
    engine.setWeights(units === 2 ? Float32Array.of(1, -1) : Float32Array.of(1));
    return engine;
  };
  const xs = Float32Array.of(2, -1, 3, -4);

  it('count an example as right by its largest output', async () => {
    const sparse = engineFor('sparse-categorical-crossentropy', 2, 'softmax'); // 0, 1, 0, 1
    expect((await sparse.evaluate({ xs, ys: Int32Array.of(0, 1, 1, 1), count: 4 })).accuracy).to.equal(0.75);
    const soft = engineFor('categorical-crossentropy', 2, 'softmax');
    const ys = Float32Array.of(0.6, 0.4, 0.6, 0.4, 1, 0, 0.2, 0.8);
    expect((await soft.evaluate({ xs, ys, count: 4 })).accuracy).to.equal(0.75);
  });

  it('count an output of 0.5 or more as yes', async () => {
    const engine = engineFor('binary-crossentropy', 1, 'sigmoid');
    const evaluate = async (ys: Int32Array | Float32Array) => (await engine.evaluate({ xs, ys, count: 4 })).accuracy;
    expect(await evaluate(Int32Array.of(1, 0, 1, 0))).to.equal(1);
    expect(await evaluate(Float32Array.of(1, 0, 0, 1))).to.equal(0.5);
    expect(await evaluate(Float32Array.of(0.5, 0.49, 0.2, 0.7)), 'amounts, not classes').to.equal(undefined);
  });

  it('have no accuracy where there are no classes', async () => {
    const engine = engineFor('huber', 1, 'linear');
    // Errors 2, -1, 3, -4: (1.5 + 0.5 + 2.5 + 3.5) / 4
    expect(await engine.evaluate({ xs, ys: new Float32Array(4), count: 4 })).to.deep.equal({ loss: 2 });
  });
});
