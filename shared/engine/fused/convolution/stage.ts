import type { LayerOf } from '../../../tasks/layers.ts';
import { sizeOf } from '../../../weights.ts';
import { activating } from '../activation.ts';
import type { Place, Stage } from '../stage.ts';
import { direct } from './direct.ts';
import type { ConvolutionMethod } from './method.ts';
import { shapeOf, shapeOfTransposed, type Convolution, type ConvolutionShape } from './shape.ts';
import { suitsWinograd, winograd } from './winograd.ts';

/** Convolutions with bias and activation; the work is done by one of two methods. */

const imagesOf = ({ inputShape }: Place): { height: number; width: number; channels: number } => {
  const [height, width, channels] = inputShape as [number, number, number];
  return { height, width, channels };
};

export const conv2dStage = (layer: LayerOf<'conv2d'>, place: Place): Stage =>
  convolutionStage({ ...layer, ...imagesOf(place) }, place);

/** A 1-D convolution is a 2-D one over images of one row. */
export const conv1dStage = (layer: LayerOf<'conv1d'>, place: Place): Stage => {
  const [width, channels] = place.inputShape as [number, number];
  const { kernelSize, strides } = layer;
  return convolutionStage(
    { ...layer, kernelSize: [1, kernelSize], strides: [1, strides], height: 1, width, channels },
    place,
  );
};

/** Forward it is the gradient of the images of a convolution, and backward that convolution. */
export const conv2dTransposeStage = (layer: LayerOf<'conv2dTranspose'>, place: Place): Stage => {
  const method = methodOf(shapeOfTransposed({ ...layer, ...imagesOf(place) }), place);
  const kernel = place.weights[0]!;
  return finishedStage(layer, place, {
    forward: (count, output) => method.imageGradient(count, place.input, output),
    backward({ count, land }, dOutput, dInput) {
      method.take(count, dOutput);
      if (dInput !== null) method.convolve(count, dInput);
      method.kernelGradient(count, place.input, land(kernel));
    },
  });
};

function convolutionStage(layer: Convolution, place: Place): Stage {
  const method = methodOf(shapeOf(layer), place);
  const kernel = place.weights[0]!;
  return finishedStage(layer, place, {
    forward(count, output) {
      method.take(count, place.input);
      method.convolve(count, output);
    },
    backward({ count, land }, dOutput, dInput) {
      if (dInput !== null) method.imageGradient(count, dOutput, dInput);
      method.kernelGradient(count, dOutput, land(kernel));
    },
  });
}

const methodOf = (shape: ConvolutionShape, place: Place): ConvolutionMethod =>
  (suitsWinograd(shape) ? winograd : direct)(shape, place, place.weights[0]!.at);

interface Core {
  forward(count: number, output: number): void;
  backward: Stage['backward'];
}

/** Adds bias and activation. */
function finishedStage(layer: Pick<Convolution, 'activation'>, place: Place, core: Core): Stage {
  const { kernels, arena, capacity, outputShape } = place;
  const filters = outputShape.at(-1)!;
  const pixels = sizeOf(outputShape) / filters;
  const bias = place.weights[1];
  const output = arena.reserve(capacity * pixels * filters);
  const activation = activating(place, layer.activation, output, pixels, filters);
  return {
    output,
    forward({ count }) {
      core.forward(count, output);
      activation.forward(count, bias?.at ?? 0);
    },
    backward(pass, dOutput, dInput) {
      const { count, land } = pass;
      activation.backward(count, dOutput);
      core.backward(pass, dOutput, dInput);
      if (bias === undefined) return;
      const { at, alpha, beta } = land(bias);
      kernels.columnSums(at, dOutput, count * pixels, filters, alpha, beta);
    },
  };
}
