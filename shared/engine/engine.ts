import type { Layout } from '../weights.ts';

/** Examples as flat arrays: what loaders give, trainers take and workers pass on without a copy. */
export interface Examples {
  /** [count, ...features], row-major. */
  readonly xs: Float32Array;
  /** Class indices [count], or real targets [count, targets], row-major. */
  readonly ys: Int32Array | Float32Array;
  readonly count: number;
}

export interface Measured {
  /** Mean over the examples. */
  readonly loss: number;
  /** Part of the examples that is right; absent where the task has no classes. */
  readonly accuracy?: number;
}

/**
 * One model on one backend. All weights go in and out as one flat vector in the model's layout. Not for concurrent use.
 * Whatever stands behind it (TensorFlow.js, a fused kernel, another library), the same weights, batches and learning rate
 * give the same bytes twice on one backend.
 */
export interface Engine {
  /** `cpu`, `wasm`, ... as shown to people and in reports. */
  readonly backend: string;
  readonly layout: Layout;
  /** A copy: length d. */
  getWeights(): Float32Array;
  /** @throws FederatedError WRONG_SHAPE unless the length is d */
  setWeights(weights: Float32Array): void;
  /** One step of SGD on one batch; the loss before the step (mean over the batch). */
  step(batch: Examples, learningRate: number): number;
  /** @throws FederatedError BAD_DATA when the examples do not fit the model */
  evaluate(examples: Examples, batchSize?: number): Measured;
  /** Frees everything; the engine cannot be used after. */
  dispose(): void;
}
