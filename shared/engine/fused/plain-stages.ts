import type { Activation, LayerOf } from '../../tasks/layers.ts';
import { sizeOf } from '../../weights.ts';
import { dropoutMask } from '../dropout.ts';
import { activationKinds } from '../kernels/activations.ts';
import type { Place, Stage } from './stage.ts';

/** Stages without weights that work on each value by itself. */

/** Flatten and reshape: the same bytes under another shape. */
export const sameStage = ({ input }: Place): Stage => ({ output: input, inPlace: true, forward() {}, backward() {} });

export function activationStage(
  activation: Activation,
  { kernels, arena, capacity, input, inputShape, fromLogits }: Place,
): Stage {
  const size = sizeOf(inputShape);
  const kind = fromLogits ? 0 : activationKinds[activation]!;
  const output = arena.reserve(capacity * size);
  return {
    output,
    inPlace: true,
    forward({ count }) {
      arena.floats(output, count * size).set(arena.floats(input, count * size));
      kernels.activate(output, 0, count, size, kind);
    },
    backward({ count }, dOutput) {
      kernels.activateBack(dOutput, output, count * size, kind);
    },
  };
}

export function dropoutStage({ rate }: LayerOf<'dropout'>, place: Place): Stage {
  const { kernels, arena, capacity, input, inputShape, dropouts } = place;
  const size = sizeOf(inputShape);
  const mask = arena.reserve(capacity * size);
  const output = arena.reserve(capacity * size);
  return {
    output,
    inPlace: true,
    forward({ count, training, seed }) {
      arena.floats(output, count * size).set(arena.floats(input, count * size));
      if (!training) return;
      dropoutMask(seed, dropouts, rate, arena.floats(mask, count * size));
      kernels.multiply(output, mask, count * size);
    },
    backward({ count }, dOutput) {
      kernels.multiply(dOutput, mask, count * size);
    },
  };
}
