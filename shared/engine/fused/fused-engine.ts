import { FederatedError } from '../../errors.ts';
import { losses, modelLayout, outputShape, weightSpecs, type ModelSpec } from '../../tasks/model.ts';
import { layoutSize, sizeOf, type Layout } from '../../weights.ts';
import { answersIn, classesOf, countRight, hasAnswers } from '../accuracy.ts';
import { checkBatch, checkBatchSize, checkInputs, sliceExamples } from '../batch-check.ts';
import { disposed, plainSgd, type Engine, type Examples, type Measured, type UpdateRule } from '../engine.ts';
import { activationKinds } from '../kernels/activations.ts';
import { loadKernels, type Kernels } from '../kernels/load.ts';
import { Arena } from './arena.ts';
import { backThrough } from './back-through.ts';
import { lossOf, type LossPlace } from './loss.ts';
import { createOptimizer, type Optimizer } from './optimizer.ts';
import { planFor, type Plan } from './plan.ts';
import type { Landing, Pass, Weight } from './stage.ts';

/**
 * A chain of layers trained by our own kernels: forward, backward and update over one arena, without TensorFlow.js and
 * without a tensor object. A step is `stages` forwards, the loss, and `stages` backwards; with plain SGD the product that
 * makes a gradient subtracts it from its weight at once.
 */
export class FusedEngine implements Engine {
  readonly backend = 'wasm';
  readonly path = 'fused';
  readonly layout: Layout;
  readonly #model: ModelSpec;
  readonly #arena: Arena;
  readonly #kernels: Kernels;
  readonly #size: number;
  /** Shape of one example's output. */
  readonly #output: readonly number[];
  readonly #weights: readonly Weight[];
  /** Address of the first weight; they lie as in the layout. */
  readonly #base: number;
  readonly #afterWeights: number;
  #afterOptimizer = 0;
  #rule: UpdateRule = plainSgd;
  #optimizer: Optimizer | null = null;
  #plan: Plan | null = null;
  #lossSum = 0;
  #lossCount = 0;
  #isDisposed = false;

  /**
   * All weights zero.
   * @throws FederatedError NO_BACKEND where there is no WebAssembly with SIMD
   */
  static async create(model: ModelSpec): Promise<FusedEngine> {
    const arena = new Arena();
    return new FusedEngine(model, arena, await loadKernels(arena.memory));
  }

  private constructor(model: ModelSpec, arena: Arena, kernels: Kernels) {
    this.layout = modelLayout(model);
    this.#model = model;
    this.#arena = arena;
    this.#kernels = kernels;
    this.#size = layoutSize(this.layout);
    this.#output = outputShape(model);
    this.#base = arena.reserve(this.#size);
    this.#afterWeights = arena.mark();
    arena.commit();
    const specs = weightSpecs(model);
    this.#weights = this.layout.map(({ shape, offset }, i) => {
      return { at: this.#base + 4 * offset, size: sizeOf(shape), role: specs[i]!.role };
    });
  }

  async getWeights(into = new Float32Array(this.#size)): Promise<Float32Array> {
    this.#needAlive();
    into.set(this.#arena.floats(this.#base, this.#size));
    return into;
  }

  setWeights(weights: Float32Array): void {
    this.#needAlive();
    if (weights.length !== this.#size) {
      throw new FederatedError('WRONG_SHAPE', `weights: the model has ${this.#size}, got ${weights.length}`);
    }
    this.#arena.floats(this.#base, this.#size).set(weights);
  }

  setRule(rule: UpdateRule): void {
    this.#needAlive();
    this.#rule = rule;
    this.#optimizer = null;
    this.#plan = null; // the optimizer's state lies before the buffers
  }

  step(batch: Examples, learningRate: number, seed = 0): void {
    this.#needAlive();
    checkBatch(batch, this.#model);
    const optimizer = this.#prepare(batch.count);
    const land = (weight: Weight): Landing => optimizer.land(weight, learningRate);
    const loss = this.#descend(batch, { count: batch.count, training: true, updates: true, seed, land });
    optimizer.finish(learningRate);
    this.#lossSum += loss * batch.count;
    this.#lossCount += batch.count;
  }

  async takeLoss(): Promise<number> {
    this.#needAlive();
    const loss = this.#lossSum / this.#lossCount;
    this.#lossSum = 0;
    this.#lossCount = 0;
    return loss;
  }

  async gradients(batch: Examples, seed = 0): Promise<{ loss: number; gradients: Float32Array }> {
    this.#needAlive();
    checkBatch(batch, this.#model);
    this.#prepare(batch.count);
    const mark = this.#arena.mark();
    const at = this.#arena.reserve(this.#size);
    this.#arena.commit();
    this.#arena.floats(at, this.#size).fill(0);
    const land = (weight: Weight): Landing => ({ at: at + (weight.at - this.#base), alpha: 1, beta: 0 });
    const loss = this.#descend(batch, { count: batch.count, training: true, updates: false, seed, land });
    const gradients = this.#arena.floats(at, this.#size).slice();
    this.#arena.release(mark);
    return { loss, gradients };
  }

  async evaluate(examples: Examples, batchSize = 100, predicted?: Int32Array): Promise<Measured> {
    this.#needAlive();
    checkBatch(examples, this.#model);
    checkBatchSize(batchSize);
    const { count } = examples;
    let loss = 0;
    let right = 0;
    const isCounted = hasAnswers(this.#model.loss, examples.ys);
    for (let from = 0; from < count; from += batchSize) {
      const batch = sliceExamples(examples, from, Math.min(count, from + batchSize));
      this.#prepare(batch.count);
      const { outputs, place } = this.#forward(batch, evaluating(batch.count));
      if (predicted !== undefined)
        classesOf(outputs, this.#output.at(-1)!, predicted.subarray(from, from + batch.count));
      if (isCounted) right += countRight(this.#model.loss, outputs, batch.ys, this.#output.at(-1)!);
      loss += lossOf(this.#model.loss, place, false) * batch.count;
    }
    if (!isCounted) return { loss: loss / count };
    const answers = answersIn(this.#model.loss, count * sizeOf(this.#output), this.#output.at(-1)!);
    return { loss: loss / count, accuracy: right / answers };
  }

  async predict(xs: Float32Array, count: number, batchSize = 100): Promise<Float32Array> {
    this.#needAlive();
    checkInputs(xs, count, this.#model);
    checkBatchSize(batchSize);
    const each = sizeOf(this.#output);
    const features = sizeOf(this.#model.input);
    const predictions = new Float32Array(count * each);
    for (let from = 0; from < count; from += batchSize) {
      const part = Math.min(batchSize, count - from);
      const plan = this.#ensurePlan(part);
      this.#arena.floats(plan.input, part * features).set(xs.subarray(from * features, (from + part) * features));
      for (const stage of plan.chain.stages) stage.forward(evaluating(part));
      const outputs = plan.chain.output;
      const classes = this.#output.at(-1)!;
      const { end } = losses[this.#model.loss];
      if (end === 'softmax') this.#kernels.softmax(outputs, (part * each) / classes, classes);
      else if (end !== null) this.#kernels.activate(outputs, 0, part, each, activationKinds[end]);
      predictions.set(this.#arena.floats(outputs, part * each), from * each);
    }
    return predictions;
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#plan = null;
    this.#optimizer = null;
  }

  #needAlive(): void {
    if (this.#isDisposed) throw disposed();
  }

  /** Optimizer and buffers for a batch. */
  #prepare(count: number): Optimizer {
    if (this.#optimizer === null) {
      this.#arena.release(this.#afterWeights);
      this.#plan = null;
      const context = { kernels: this.#kernels, arena: this.#arena, weights: this.#weights, base: this.#base };
      this.#optimizer = createOptimizer(this.#rule, context);
      this.#afterOptimizer = this.#arena.mark();
    }
    this.#ensurePlan(count);
    return this.#optimizer;
  }

  #ensurePlan(count: number): Plan {
    if (this.#plan !== null && this.#plan.capacity >= count) return this.#plan;
    const arena = this.#arena;
    arena.release(this.#optimizer === null ? this.#afterWeights : this.#afterOptimizer);
    const context = { kernels: this.#kernels, arena, weights: this.#weights };
    this.#plan = null; // until there is memory for the next one
    const plan = planFor(this.#model, count, context);
    arena.commit();
    this.#plan = plan;
    return plan;
  }

  /** Runs a batch through the stages. */
  #forward({ xs, ys }: Examples, pass: Pass): { readonly outputs: Float32Array; readonly place: LossPlace } {
    const plan = this.#plan!;
    this.#arena.floats(plan.input, xs.length).set(xs);
    const labels = losses[this.#model.loss].reads === 'labels';
    if (labels) this.#arena.integers(plan.targets, ys.length).set(ys);
    else this.#arena.floats(plan.targets, ys.length).set(ys);
    for (const stage of plan.chain.stages) stage.forward(pass);
    const n = this.#output.at(-1)!;
    const rows = (pass.count * sizeOf(this.#output)) / n;
    const at = plan.chain.output;
    const place = { kernels: this.#kernels, outputs: at, targets: plan.targets, rows, n };
    return { outputs: this.#arena.floats(at, rows * n), place };
  }

  /** Forward, loss, backward; the gradients land where the pass says. */
  #descend(batch: Examples, pass: Pass): number {
    const { outputs, place } = this.#forward(batch, pass);
    const { chain, gradients } = this.#plan!;
    // A copy, since the last stage may tell the slope of its activation from its output.
    this.#arena.floats(gradients[0], outputs.length).set(outputs);
    const loss = lossOf(this.#model.loss, { ...place, outputs: gradients[0] }, true);
    backThrough(chain, pass, gradients[0], gradients, chain.first);
    return loss;
  }
}

const nowhere = (): never => {
  throw new FederatedError('INTERNAL', 'engine: a gradient in an evaluation');
};
const evaluating = (count: number): Pass => ({ count, training: false, updates: false, seed: 0, land: nowhere });
