import type { LayerOf } from '../../../tasks/layers.ts';
import { sizeOf } from '../../../weights.ts';
import { activationKinds } from '../../kernels/activations.ts';
import type { Place, Stage } from '../stage.ts';
import { direct } from './direct.ts';
import { shapeOf, type Convolution } from './shape.ts';
import { suitsWinograd, winograd } from './winograd.ts';

/** A convolution with its bias and activation; the work is done by one of two methods. */
export const conv2dStage = (layer: LayerOf<'conv2d'>, place: Place): Stage => {
  const [height, width, channels] = place.inputShape as [number, number, number];
  return convolutionStage({ ...layer, height, width, channels }, place);
};

/** A 1-D convolution is a 2-D one over images of one row. */
export const conv1dStage = (layer: LayerOf<'conv1d'>, place: Place): Stage => {
  const [width, channels] = place.inputShape as [number, number];
  const { kernelSize, strides } = layer;
  return convolutionStage(
    { ...layer, kernelSize: [1, kernelSize], strides: [1, strides], height: 1, width, channels },
    place,
  );
};

function convolutionStage(layer: Convolution, place: Place): Stage {
  const { kernels, arena, capacity, outputShape, fromLogits } = place;
  const shape = shapeOf(layer);
  const { outHeight, outWidth, filters } = shape;
  const places = outHeight * outWidth;
  const kind = fromLogits ? 0 : activationKinds[layer.activation]!;
  const [kernel, bias] = place.weights;
  const output = arena.reserve(capacity * sizeOf(outputShape));
  const method = (suitsWinograd(shape) ? winograd : direct)(shape, place, output);
  return {
    output,
    forward({ count }) {
      method.forward(count);
      kernels.activate(output, bias?.at ?? 0, count * places, filters, kind);
    },
    backward({ count, land }, dOutput, dInput) {
      kernels.activateBack(dOutput, output, count * places * filters, kind);
      method.backward(count, dOutput, dInput, () => land(kernel!));
      if (bias === undefined) return;
      const { at, alpha, beta } = land(bias);
      kernels.columnSums(at, dOutput, count * places, filters, alpha, beta);
    },
  };
}
