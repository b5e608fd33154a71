import { FederatedError } from '../errors.ts';
import type { OptimizerSpec } from '../tasks/optimizer.ts';
import type { Span } from '../tasks/spans.ts';
import type { Layout } from '../weights.ts';
import type { Pull } from './pull.ts';

/** Examples as flat arrays: what loaders give, trainers take and workers pass on without a copy. */
export interface Examples {
  /** [count, ...features], row-major. */
  readonly xs: Float32Array;
  /** Class indices [count, positions], or real targets [count, targets], row-major. */
  readonly ys: Int32Array | Float32Array;
  readonly count: number;
}

export interface Measured {
  /** Mean over the examples (and over the places or targets of each). */
  readonly loss: number;
  /** Part of the predictions that is right; absent where the task has no classes. */
  readonly accuracy?: number;
}

/** What a step does with the gradient of the loss. */
export interface UpdateRule {
  readonly optimizer: OptimizerSpec;
  /** First adds 2 · l2 · w to the gradient of every kernel. */
  readonly l2?: number;
  /** And this to the gradient of every weight. */
  readonly pull?: Pull;
  /** Then cuts each value off at ± this. */
  readonly gradientClipValue?: number;
  /** Then scales the whole gradient down to this L2 norm. */
  readonly gradientClipNorm?: number;
  /** Weights that stay as they are, each whole; their gradients do not count in that norm. Running statistics move on. */
  readonly frozen?: readonly Span[];
}

/** What an engine answers after `dispose`. */
export const disposed = (): FederatedError =>
  new FederatedError('BAD_STATE', 'engine: it has been disposed of; create another');

export const plainSgd: UpdateRule = { optimizer: { name: 'sgd' } };

/**
 * One model on one backend. All weights go in and out as one flat vector in the model's layout. Not for concurrent use.
 * Whatever stands behind it (TensorFlow.js, the fused path, another library), the same weights, batches, rule and seeds
 * give the same bytes twice on one backend. Reading is asynchronous, since a GPU answers later; nothing else waits for it.
 */
export interface Engine {
  /** `cpu`, `wasm`, ... as shown to people and in reports. */
  readonly backend: string;
  /** `fused`: our kernels over one arena; `graph`: TensorFlow.js operations. */
  readonly path: 'fused' | 'graph';
  readonly layout: Layout;
  /**
   * A copy: length d.
   * @param into - memory of length d for it; default: new
   */
  getWeights(into?: Float32Array): Promise<Float32Array>;
  /** @throws FederatedError WRONG_SHAPE unless the length is d */
  setWeights(weights: Float32Array): void;
  /** The rule of the steps that follow, with fresh state. Before the first call: `plainSgd`. */
  setRule(rule: UpdateRule): void;
  /**
   * One step on one batch.
   * @param seed - of dropout, a whole number below 2^32: layer i drops what `dropoutMask(seed, i, ...)` says; default 0
   * @throws FederatedError BAD_DATA when the examples do not fit the model
   */
  step(batch: Examples, learningRate: number, seed?: number): void;
  /** Mean loss over the examples of all steps since the last call, each measured before its step; NaN without a step. */
  takeLoss(): Promise<number>;
  /**
   * Loss of a batch in training mode (dropout, statistics of the batch) and its gradient, length d: zero for statistics,
   * without L2 and clipping. Changes nothing.
   */
  gradients(batch: Examples, seed?: number): Promise<{ readonly loss: number; readonly gradients: Float32Array }>;
  /**
   * @param predicted - memory for the class that each example gets, length count; only for a model of classes with one label an example
   * @throws FederatedError BAD_DATA when the examples do not fit the model
   */
  evaluate(examples: Examples, batchSize?: number, predicted?: Int32Array): Promise<Measured>;
  /**
   * The model's output after its last activation, [count, ...output].
   * @param xs - [count, ...features]
   */
  predict(xs: Float32Array, count: number, batchSize?: number): Promise<Float32Array>;
  /** Frees everything. What is called after is refused with BAD_STATE, but for a second `dispose`. */
  dispose(): void;
}
