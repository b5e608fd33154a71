import type { Landing, Place } from '../stage.ts';
import type { ConvolutionShape } from './shape.ts';

/** One way to compute a convolution and its gradients, without bias and activation. */
export interface ConvolutionMethod {
  /** Fills the stage's output. */
  forward(count: number): void;
  /** After a forward pass of the same batch. @param landOf - asked once the gradient of the input is made */
  backward(count: number, dOutput: number, dInput: number | null, landOf: () => Landing): void;
}

/** @param output - address of the stage's output */
export type MethodOf = (shape: ConvolutionShape, place: Place, output: number) => ConvolutionMethod;
