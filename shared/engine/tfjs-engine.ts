import * as tf from '@tensorflow/tfjs-core';
import { FederatedError } from '../errors.ts';
import { modelLayout, outputShape, type ModelSpec } from '../tasks/model.ts';
import { layoutSize, sizeOf, type Layout } from '../weights.ts';
import type { Engine, Examples, Measured } from './engine.ts';
import { lossOf } from './losses.ts';
import { forward } from './network.ts';

let made = 0;

/**
 * Makes a backend that has started the current one, at once. TensorFlow.js has one current backend for everything, and
 * engines on different backends may live side by side. `setBackend` is only asynchronous for one that has not started.
 */
function enter(backend: string): void {
  const isCurrent = tf.getBackend() === backend && tf.backend() === tf.findBackend(backend);
  if (!isCurrent) void tf.setBackend(backend);
}

/** A model in TensorFlow.js operations, on a backend that has started. Plain stochastic gradient descent. */
export class TfjsEngine implements Engine {
  readonly backend: string;
  readonly layout: Layout;
  readonly #model: ModelSpec;
  readonly #features: number;
  readonly #outputs: number;
  readonly #size: number;
  #variables: tf.Variable[];

  /** All weights zero. @throws FederatedError BAD_MODEL */
  constructor(model: ModelSpec, backend: string) {
    this.backend = backend;
    this.layout = modelLayout(model);
    this.#model = model;
    this.#features = sizeOf(model.input);
    this.#outputs = sizeOf(outputShape(model));
    this.#size = layoutSize(this.layout);
    enter(backend);
    // Variables are known by their name in all of TensorFlow.js, and two engines may have the same model.
    const prefix = `fedloom-${++made}`;
    this.#variables = tf.tidy(() =>
      this.layout.map(({ name, shape }) => tf.variable(tf.zeros([...shape]), true, `${prefix}/${name}`)),
    );
  }

  getWeights(): Float32Array {
    enter(this.backend);
    const weights = new Float32Array(this.#size);
    for (const [i, variable] of this.#variables.entries()) {
      weights.set(variable.dataSync<'float32'>(), this.layout[i]!.offset);
    }
    return weights;
  }

  setWeights(weights: Float32Array): void {
    if (weights.length !== this.#size) {
      throw new FederatedError('WRONG_SHAPE', `weights: the model has ${this.#size}, got ${weights.length}`);
    }
    enter(this.backend);
    tf.tidy(() => {
      for (const [i, variable] of this.#variables.entries()) {
        const { shape, offset } = this.layout[i]!;
        // A copy, since the cpu backend keeps the array that it is given.
        variable.assign(tf.tensor(weights.slice(offset, offset + sizeOf(shape)), [...shape]));
      }
    });
  }

  step(batch: Examples, learningRate: number): number {
    this.#check(batch);
    enter(this.backend);
    return tf.tidy(() => {
      const x = this.#input(batch);
      const { value, grads } = tf.variableGrads(
        () => lossOf(this.#model.loss, forward(this.#model, this.#variables, x), batch.ys),
        this.#variables,
      );
      const rate = tf.scalar(learningRate);
      for (const variable of this.#variables) {
        variable.assign(tf.sub(variable, tf.mul(grads[variable.name]!, rate)));
      }
      return value.dataSync()[0]!;
    });
  }

  evaluate(examples: Examples, batchSize = 1_000): Measured {
    this.#check(examples);
    enter(this.backend);
    const { xs, ys, count } = examples;
    const hasClasses = this.#model.loss === 'sparse-categorical-crossentropy';
    const targets = ys.length / count;
    let loss = 0;
    let right = 0;
    for (let from = 0; from < count; from += batchSize) {
      const to = Math.min(count, from + batchSize);
      const batch = {
        xs: xs.subarray(from * this.#features, to * this.#features),
        ys: ys.subarray(from * targets, to * targets),
        count: to - from,
      };
      tf.tidy(() => {
        const output = forward(this.#model, this.#variables, this.#input(batch));
        loss += lossOf(this.#model.loss, output, batch.ys).dataSync()[0]! * batch.count;
        if (!hasClasses) return;
        const guesses = tf.argMax(output, -1).dataSync();
        for (const [i, label] of batch.ys.entries()) if (guesses[i] === label) right++;
      });
    }
    return hasClasses ? { loss: loss / count, accuracy: right / count } : { loss: loss / count };
  }

  dispose(): void {
    enter(this.backend);
    for (const variable of this.#variables) variable.dispose();
    this.#variables = [];
  }

  #input({ xs, count }: Examples): tf.Tensor {
    return tf.tensor(xs, [count, ...this.#model.input]);
  }

  #check({ xs, ys, count }: Examples): void {
    const targets = this.#model.loss === 'sparse-categorical-crossentropy' ? 1 : this.#outputs;
    if (count >= 1 && xs.length === count * this.#features && ys.length === count * targets) return;
    throw new FederatedError(
      'BAD_DATA',
      `data: ${count} examples for this model have ${this.#features} features and ${targets} labels each; got ` +
        `${xs.length} and ${ys.length} in all`,
    );
  }
}
