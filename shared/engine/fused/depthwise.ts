import { windowOf, type LayerOf } from '../../tasks/layers.ts';
import { windowArguments } from '../kernels/windows.ts';
import { activating } from './activation.ts';
import type { Place, Stage } from './stage.ts';

/** Every channel of an image with `depthMultiplier` filters of its own; then bias and activation. */
export function depthwiseConv2dStage(layer: LayerOf<'depthwiseConv2d'>, place: Place): Stage {
  const { kernels, arena, capacity, input, inputShape } = place;
  const [height, width, channels] = inputShape as [number, number, number];
  const { kernelSize, strides, padding, depthMultiplier } = layer;
  const [filter, bias] = place.weights;
  const vertical = windowOf(height, kernelSize[0], strides[0], padding);
  const horizontal = windowOf(width, kernelSize[1], strides[1], padding);
  const windows = windowArguments({
    batch: 1,
    height,
    width,
    channels,
    outHeight: vertical.output,
    outWidth: horizontal.output,
    kernelHeight: kernelSize[0],
    kernelWidth: kernelSize[1],
    strideHeight: strides[0],
    strideWidth: strides[1],
    dilationHeight: 1,
    dilationWidth: 1,
    top: vertical.before,
    left: horizontal.before,
  });
  const filters = channels * depthMultiplier;
  const pixels = vertical.output * horizontal.output;
  const [image, result] = [4 * height * width * channels, 4 * pixels * filters];
  const output = arena.reserve(capacity * pixels * filters);
  const activation = activating(place, layer.activation, output, pixels, filters);
  const gradient = arena.reserve(filter!.size);
  return {
    output,
    forward({ count }) {
      for (let i = 0; i < count; i++) {
        kernels.depthwise(output + i * result, input + i * image, filter!.at, depthMultiplier, ...windows);
      }
      activation.forward(count, bias?.at ?? 0);
    },
    backward({ count, land }, dOutput, dInput) {
      activation.backward(count, dOutput);
      arena.floats(gradient, filter!.size).fill(0);
      for (let i = 0; i < count; i++) {
        const dy = dOutput + i * result;
        kernels.addDepthwiseFilterGradient(gradient, input + i * image, dy, depthMultiplier, ...windows);
        if (dInput !== null) {
          kernels.depthwiseInputGradient(dInput + i * image, filter!.at, dy, depthMultiplier, ...windows);
        }
      }
      const { at, alpha, beta } = land(filter!);
      kernels.columnSums(at, gradient, 1, filter!.size, alpha, beta);
      if (bias === undefined) return;
      const landing = land(bias);
      kernels.columnSums(landing.at, dOutput, count * pixels, filters, landing.alpha, landing.beta);
    },
  };
}
