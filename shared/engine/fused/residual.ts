import type { LayerOf } from '../../tasks/layers.ts';
import { sizeOf } from '../../weights.ts';
import { backThrough } from './back-through.ts';
import type { Place, Stage } from './stage.ts';

/** y = x + layers(x). The gradient of x is that of y, and what comes back through the layers. */
export function residualStage({ layers }: LayerOf<'residual'>, place: Place): Stage {
  const { kernels, arena, capacity, input, inputShape } = place;
  const size = sizeOf(inputShape);
  const chain = place.inner(layers);
  const output = arena.reserve(capacity * size);
  const add = (sum: number, one: number, other: number, count: number): void => {
    arena.floats(sum, count).set(arena.floats(one, count));
    kernels.addScaled(sum, other, count, 1);
  };
  return {
    output,
    forward(pass) {
      for (const stage of chain.stages) stage.forward(pass);
      add(output, chain.output, input, pass.count * size);
    },
    backward(pass, dOutput, dInput) {
      const count = pass.count * size;
      const buffers = chain.gradients();
      arena.floats(buffers[0], count).set(arena.floats(dOutput, count));
      const dInner = backThrough(chain, pass, buffers[0], buffers, dInput === null ? chain.first : -1);
      if (dInput !== null) add(dInput, dInner, dOutput, count);
    },
  };
}
