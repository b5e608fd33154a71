import * as tf from '@tensorflow/tfjs-core';
import { FederatedError } from '../../errors.ts';
import { modelLayout, outputShape, weightSpecs, type ModelSpec } from '../../tasks/model.ts';
import { layoutSize, sizeOf, type Layout } from '../../weights.ts';
import { answersIn, classesOf, countRight, hasAnswers } from '../accuracy.ts';
import { checkBatch, checkBatchSize, checkInputs, sliceExamples } from '../batch-check.ts';
import { disposed, plainSgd, type Engine, type Examples, type Measured, type UpdateRule } from '../engine.ts';
import { compute } from './compute.ts';
import { lossOf } from './losses.ts';
import { finish, forward } from './network.ts';
import { createUpdater, type Trained, type Updater } from './optimizers.ts';

let made = 0;

/**
 * Makes a backend that has started the current one, at once. TensorFlow.js has one current backend for everything, and
 * engines on different backends may live side by side. `setBackend` is only asynchronous for one that has not started.
 */
function enter(backend: string): void {
  const isCurrent = tf.getBackend() === backend && tf.backend() === tf.findBackend(backend);
  if (!isCurrent) void tf.setBackend(backend);
}

/** Reads tensors and frees them, also when reading fails. */
async function read(...tensors: readonly tf.Tensor[]): Promise<Float32Array[]> {
  try {
    return await Promise.all(tensors.map((tensor) => tensor.data<'float32'>()));
  } finally {
    tf.dispose([...tensors]);
  }
}

/** What a training pass makes of a batch. The statistics are kept from tidying. */
interface Pass {
  readonly loss: tf.Scalar;
  /** In order of the trained weights. */
  readonly gradients: readonly tf.Tensor[];
  /** What each statistic of the model becomes. */
  readonly statistics: ReadonlyMap<tf.Tensor, tf.Tensor>;
}

/**
 * A model in TensorFlow.js operations, on a backend that has started. Between two awaits another engine may make another
 * backend the current one, so each method enters its own again after every await.
 */
export class GraphEngine implements Engine {
  readonly backend: string;
  readonly path = 'graph';
  readonly layout: Layout;
  readonly #tfBackend: string;
  readonly #model: ModelSpec;
  readonly #size: number;
  /** Shape of one example's output. */
  readonly #output: readonly number[];
  #variables: tf.Variable[];
  #trained: readonly Trained[];
  #rule: UpdateRule = plainSgd;
  #updater: Updater | null = null;
  /** Sum of loss times examples since `takeLoss`, on the device so that no step waits for it. */
  #lossSum: tf.Tensor | null = null;
  #lossCount = 0;
  #isDisposed = false;

  /**
   * All weights zero.
   * @param backend - as TensorFlow.js knows it
   * @param shownAs - as people know it, where that is another name
   * @throws FederatedError BAD_MODEL
   */
  constructor(model: ModelSpec, backend: string, shownAs: string = backend) {
    this.backend = shownAs;
    this.layout = modelLayout(model);
    this.#tfBackend = backend;
    this.#model = model;
    this.#size = layoutSize(this.layout);
    this.#output = outputShape(model);
    const specs = weightSpecs(model);
    enter(backend);
    // Variables are known by their name in all of TensorFlow.js, and two engines may have the same model.
    const prefix = `fedloom-${++made}`;
    this.#variables = tf.tidy(() =>
      specs.map(({ name, shape, role }) =>
        tf.variable(tf.zeros([...shape]), role !== 'statistic', `${prefix}/${name}`),
      ),
    );
    this.#trained = this.#variables
      .map((variable, i) => ({ variable, role: specs[i]!.role, offset: this.layout[i]!.offset }))
      .filter(({ role }) => role !== 'statistic');
  }

  async getWeights(into = new Float32Array(this.#size)): Promise<Float32Array> {
    this.#enter();
    const parts = await Promise.all(this.#variables.map((variable) => variable.data<'float32'>()));
    for (const [i, part] of parts.entries()) into.set(part, this.layout[i]!.offset);
    return into;
  }

  setWeights(weights: Float32Array): void {
    this.#enter();
    if (weights.length !== this.#size) {
      throw new FederatedError('WRONG_SHAPE', `weights: the model has ${this.#size}, got ${weights.length}`);
    }
    tf.tidy(() => {
      for (const [i, variable] of this.#variables.entries()) {
        const { shape, offset } = this.layout[i]!;
        // A copy, since the cpu backend keeps the array that it is given.
        variable.assign(tf.tensor(weights.slice(offset, offset + sizeOf(shape)), [...shape]));
      }
    });
  }

  setRule(rule: UpdateRule): void {
    this.#enter();
    this.#updater?.dispose();
    this.#updater = null;
    this.#rule = rule;
  }

  step(batch: Examples, learningRate: number, seed = 0): void {
    this.#enter();
    checkBatch(batch, this.#model);
    this.#updater ??= createUpdater(this.#rule, this.#trained, this.#size);
    const updater = this.#updater;
    compute(this.backend, () => {
      const { loss, gradients, statistics } = this.#pass(batch, seed);
      updater.apply(gradients, learningRate);
      for (const [statistic, next] of statistics) (statistic as tf.Variable).assign(next);
      tf.dispose([...statistics.values()]);
      const weighted = tf.mul(loss, batch.count);
      const sum = tf.keep(this.#lossSum === null ? weighted : tf.add(this.#lossSum, weighted));
      this.#lossSum?.dispose();
      this.#lossSum = sum;
    });
    this.#lossCount += batch.count;
  }

  async takeLoss(): Promise<number> {
    this.#enter();
    const sum = this.#lossSum;
    const count = this.#lossCount;
    if (sum === null) return Number.NaN;
    this.#lossSum = null;
    this.#lossCount = 0;
    const [values] = await read(sum);
    return values![0]! / count;
  }

  async gradients(batch: Examples, seed = 0): Promise<{ loss: number; gradients: Float32Array }> {
    this.#enter();
    checkBatch(batch, this.#model);
    const tensors = compute(this.backend, () => {
      const { loss, gradients: parts, statistics } = this.#pass(batch, seed);
      tf.dispose([...statistics.values()]);
      return [loss, ...parts];
    });
    const [loss, ...parts] = await read(...tensors);
    const gradients = new Float32Array(this.#size);
    for (const [i, { variable }] of this.#trained.entries()) {
      gradients.set(parts[i]!, this.layout[this.#variables.indexOf(variable)]!.offset);
    }
    return { loss: loss![0]!, gradients };
  }

  async evaluate(examples: Examples, batchSize = 1_000, predicted?: Int32Array): Promise<Measured> {
    this.#enter();
    checkBatch(examples, this.#model);
    checkBatchSize(batchSize);
    const { count } = examples;
    const { loss: name } = this.#model;
    let loss = 0;
    let right = 0;
    const isCounted = hasAnswers(this.#model.loss, examples.ys);
    for (let from = 0; from < count; from += batchSize) {
      const batch = sliceExamples(examples, from, Math.min(count, from + batchSize));
      this.#enter();
      const tensors = compute(this.backend, () => {
        const outputs = forward(this.#model, this.#variables, this.#input(batch.xs, batch.count));
        return [lossOf(name, outputs, batch.ys), outputs];
      });
      const [losses, outputs] = await read(...tensors);
      if (predicted !== undefined)
        classesOf(outputs!, this.#output.at(-1)!, predicted.subarray(from, from + batch.count));
      if (isCounted) right += countRight(name, outputs!, batch.ys, this.#output.at(-1)!);
      loss += losses![0]! * batch.count;
    }
    if (!isCounted) return { loss: loss / count };
    const answers = answersIn(this.#model.loss, count * sizeOf(this.#output), this.#output.at(-1)!);
    return { loss: loss / count, accuracy: right / answers };
  }

  async predict(xs: Float32Array, count: number, batchSize = 1_000): Promise<Float32Array> {
    this.#enter();
    checkInputs(xs, count, this.#model);
    checkBatchSize(batchSize);
    const features = sizeOf(this.#model.input);
    const each = sizeOf(this.#output);
    const predictions = new Float32Array(count * each);
    for (let from = 0; from < count; from += batchSize) {
      const part = Math.min(batchSize, count - from);
      const values = xs.subarray(from * features, (from + part) * features);
      this.#enter();
      const outputs = compute(this.backend, () =>
        finish(this.#model, forward(this.#model, this.#variables, this.#input(values, part))),
      );
      predictions.set((await read(outputs))[0]!, from * each);
    }
    return predictions;
  }

  dispose(): void {
    this.#isDisposed = true;
    enter(this.#tfBackend);
    this.#updater?.dispose();
    this.#lossSum?.dispose();
    tf.dispose(this.#variables);
    this.#updater = null;
    this.#lossSum = null;
    this.#variables = [];
    this.#trained = [];
  }

  /** Makes this engine's backend the current one. @throws FederatedError BAD_STATE after `dispose` */
  #enter(): void {
    if (this.#isDisposed) throw disposed();
    enter(this.#tfBackend);
  }

  /** Loss and gradients of a batch in training mode; to be called in a `tf.tidy`. */
  #pass({ xs, ys, count }: Examples, seed: number): Pass {
    const statistics = new Map<tf.Tensor, tf.Tensor>();
    const observe = (statistic: tf.Tensor, next: tf.Tensor): void => {
      statistics.set(statistic, tf.keep(next)); // what is not kept is gone when the gradients are done
    };
    const x = this.#input(xs, count);
    const { value, grads } = tf.variableGrads(
      () => lossOf(this.#model.loss, forward(this.#model, this.#variables, x, { training: { seed, observe } }), ys),
      this.#trained.map(({ variable }) => variable),
    );
    return { loss: value, gradients: this.#trained.map(({ variable }) => grads[variable.name]!), statistics };
  }

  #input(xs: Float32Array, count: number): tf.Tensor {
    return tf.tensor(xs, [count, ...this.#model.input]);
  }
}
