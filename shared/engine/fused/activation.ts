import type { Activation } from '../../tasks/layers.ts';
import { activationKinds, needsInput } from '../kernels/activations.ts';
import type { Place } from './stage.ts';

/** The activation of a stage's output [capacity · rows, n], in place. */
export interface Activating {
  /** @param bias - address of n numbers to add first, or 0 */
  forward(count: number, bias: number): void;
  /** dOutput becomes the gradient before the activation. */
  backward(count: number, dOutput: number): void;
}

/**
 * @param rows - of each example
 * @param output - address of what is activated
 */
export function activating(
  { kernels, arena, capacity, fromLogits }: Place,
  activation: Activation,
  output: number,
  rows: number,
  n: number,
): Activating {
  const each = rows * n;
  if (activation === 'softmax' && !fromLogits) {
    return {
      forward(count, bias) {
        kernels.activate(output, bias, count * rows, n, activationKinds.linear);
        kernels.softmax(output, count * rows, n);
      },
      backward: (count, dOutput) => kernels.softmaxBack(dOutput, output, count * rows, n, 1),
    };
  }
  const kind = fromLogits || activation === 'softmax' ? activationKinds.linear : activationKinds[activation];
  if (fromLogits || !needsInput.has(activation)) {
    return {
      forward: (count, bias) => kernels.activate(output, bias, count * rows, n, kind),
      backward: (count, dOutput) => kernels.activateBack(dOutput, output, count * each, kind),
    };
  }
  const before = arena.reserve(capacity * each);
  return {
    forward(count, bias) {
      kernels.activate(output, bias, count * rows, n, activationKinds.linear);
      arena.floats(before, count * each).set(arena.floats(output, count * each));
      kernels.activate(output, 0, count * rows, n, kind);
    },
    backward: (count, dOutput) => kernels.activateBack(dOutput, before, count * each, kind),
  };
}
