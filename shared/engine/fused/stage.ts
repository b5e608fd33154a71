import type { LayerSpec, WeightSpec } from '../../tasks/layers.ts';
import type { Kernels } from '../kernels/load.ts';
import type { Arena } from './arena.ts';

/** The words of the fused path. All addresses are bytes in the arena. */

/** One weight of the model. */
export interface Weight {
  /** Address of its values. */
  readonly at: number;
  readonly size: number;
  readonly role: WeightSpec['role'];
}

/**
 * Where the gradient of a weight goes: `at = alpha · gradient + beta · at`. Into a buffer of gradients, or for plain SGD
 * straight into the weight itself, with alpha = -rate and beta = 1.
 */
export interface Landing {
  readonly at: number;
  readonly alpha: number;
  readonly beta: number;
}

/** One pass of a batch through the stages. */
export interface Pass {
  /** Examples in the batch, at most the capacity. */
  readonly count: number;
  readonly training: boolean;
  /** Of dropout. */
  readonly seed: number;
  /** Moving statistics are updated. */
  readonly updates: boolean;
  /** Where gradients go; asked once for each weight that has one, after the gradient of the stage's input is made. */
  land(weight: Weight): Landing;
}

/** A layer at work: reads the stage before it, writes its own output. */
export interface Stage {
  /** Address of the output, [capacity, ...shape]. */
  readonly output: number;
  /** The gradient of the input takes the place of the gradient of the output. */
  readonly inPlace?: boolean;
  forward(pass: Pass): void;
  /**
   * @param dOutput - address of the gradient of the output; may be overwritten
   * @param dInput - where the gradient of the input goes, `dOutput` if `inPlace`; null for the first layers, whose input is
   * data
   */
  backward(pass: Pass, dOutput: number, dInput: number | null): void;
}

/** Stages one behind the other. */
export interface Chain {
  readonly stages: readonly Stage[];
  /** The first stage with weights, or -1. */
  readonly first: number;
  /** Address of the last stage's output. */
  readonly output: number;
  /** Of the inputs and outputs of one example. */
  readonly largest: number;
}

/** A chain inside of a stage. */
export interface InnerChain extends Chain {
  /** Two buffers for the gradients of its stages' outputs, which are the stage's until its backward pass ends. */
  gradients(): readonly [number, number];
}

/** What a stage is built into. */
export interface Place {
  readonly kernels: Kernels;
  readonly arena: Arena;
  /** Largest batch. */
  readonly capacity: number;
  /** Address of the input, [capacity, ...inputShape]. */
  readonly input: number;
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  /** In the order of the layer's outline. */
  readonly weights: readonly Weight[];
  /** The last layer of a cross entropy gives logits: its activation is part of the loss. */
  readonly fromLogits: boolean;
  /** How many dropout layers come before. */
  readonly dropouts: number;
  /** Address of `size` floats that are free between two calls of any stages. */
  scratch(size: number): () => number;
  /** Builds layers on this stage's input, with this stage's weights. Their stages hold no layers themselves. */
  inner(layers: readonly LayerSpec[]): InnerChain;
}
