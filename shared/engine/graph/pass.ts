import type * as tf from '@tensorflow/tfjs-core';

/** What the layers of a model share while one batch goes through them. */
export interface Pass {
  /** Dropout drops, and batch normalisation takes the statistics of the batch. */
  readonly training: boolean;
  /** The next weight, in order of the layout. */
  readonly take: () => tf.Tensor;
  /** The mask of the next dropout layer: [...shape] of 0 and 1 / (1 - rate). */
  readonly mask: (shape: readonly number[], rate: number) => tf.Tensor;
  /** Takes what a layer's statistic becomes by this batch. */
  readonly observe: (statistic: tf.Tensor, next: tf.Tensor) => void;
}
