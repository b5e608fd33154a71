import type { Activation, LayerOf } from '../../tasks/layers.ts';
import { sizeOf } from '../../weights.ts';
import { dropoutMask } from '../dropout.ts';
import { activating } from './activation.ts';
import type { Place, Stage } from './stage.ts';

/** Stages without weights that work on each value by itself. */

/** Flatten and reshape: the same bytes under another shape. */
export const sameStage = ({ input }: Place): Stage => ({ output: input, inPlace: true, forward() {}, backward() {} });

export function activationStage(activation: Activation, place: Place): Stage {
  const { arena, capacity, input, inputShape } = place;
  const size = sizeOf(inputShape);
  const output = arena.reserve(capacity * size);
  const n = inputShape.at(-1)!;
  const work = activating(place, activation, output, size / n, n);
  return {
    output,
    inPlace: true,
    forward({ count }) {
      arena.floats(output, count * size).set(arena.floats(input, count * size));
      work.forward(count, 0);
    },
    backward: ({ count }, dOutput) => work.backward(count, dOutput),
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
