import type { LayerOf } from '../../tasks/layers.ts';
import { sizeOf } from '../../weights.ts';
import type { Place, Stage } from './stage.ts';

/** Each pixel several times, down and across (nearest neighbour); its gradient is the sum of theirs. */
export function upSampling2dStage({ size: [sizeY, sizeX] }: LayerOf<'upSampling2d'>, place: Place): Stage {
  const { kernels, arena, capacity, input, inputShape, outputShape } = place;
  const [height, width, channels] = inputShape as [number, number, number];
  const output = arena.reserve(capacity * sizeOf(outputShape));
  return {
    output,
    forward: ({ count }) => kernels.repeatPixels(output, input, count * height, width, channels, sizeY, sizeX),
    backward({ count }, dOutput, dInput) {
      if (dInput !== null) kernels.sumPixels(dInput, dOutput, count * height, width, channels, sizeY, sizeX);
    },
  };
}
