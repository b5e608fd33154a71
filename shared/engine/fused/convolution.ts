import { windowOf, type LayerOf } from '../../tasks/layers.ts';
import { sizeOf } from '../../weights.ts';
import { activationKinds } from '../kernels/activations.ts';
import type { Landing, Place, Stage } from './stage.ts';

/**
 * Convolutions without a copy of their windows: images are padded once, and then every product reads its rows, which
 * overlap, from the padded images (source/convolution.as.ts).
 *
 * forward: y = windows(padded x) · W. Gradient of x: the same with dy and the kernel turned around, where padding keeps the
 * sizes right and strides put zeros between the pixels of dy. Gradient of W: windows(padded x)ᵀ · dy, image by image.
 */
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

type Convolution = Omit<LayerOf<'conv2d'>, 'type'> & {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
};

function convolutionStage(layer: Convolution, place: Place): Stage {
  const { kernels, arena, capacity, input, outputShape, fromLogits } = place;
  const { filters, kernelSize, strides, padding, height, width, channels } = layer;
  const [kernelHeight, kernelWidth] = kernelSize;
  const [strideY, strideX] = strides;
  const vertical = windowOf(height, kernelHeight, strideY, padding);
  const horizontal = windowOf(width, kernelWidth, strideX, padding);
  const [outHeight, outWidth] = [vertical.output, horizontal.output];
  const taps = kernelHeight * kernelWidth;
  const kind = fromLogits ? 0 : activationKinds[layer.activation]!;
  const [kernel, bias] = place.weights;

  // What the windows read: the images as they are, or in a frame of zeros.
  const paddedHeight = Math.max(height, (outHeight - 1) * strideY + kernelHeight);
  const paddedWidth = Math.max(width, (outWidth - 1) * strideX + kernelWidth);
  const isPadded = paddedHeight > height || paddedWidth > width;
  const paddedSize = paddedHeight * paddedWidth * channels;
  const padded = isPadded ? arena.reserve(capacity * paddedSize) : input;
  const line = 4 * paddedWidth * channels;

  // The frame of dy, from which the gradient of the input is convolved.
  const frameHeight = height + kernelHeight - 1;
  const frameWidth = width + kernelWidth - 1;
  const frameSize = frameHeight * frameWidth * filters;

  const output = arena.reserve(capacity * sizeOf(outputShape));
  const packedKernel = arena.reserve(
    8 * taps * Math.max(channels * Math.ceil(filters / 8), filters * Math.ceil(channels / 8)),
  );
  const places = outHeight * outWidth;
  const scratch = place.scratch(Math.max(capacity * frameSize, 8 * places * Math.ceil(filters / 8)));

  const inputGradient = (count: number, dOutput: number, dInput: number): void => {
    const depth = taps * filters;
    for (let tap = 0; tap < taps; tap++) {
      const from = kernel!.at + 4 * (taps - 1 - tap) * channels * filters;
      kernels.pack(packedKernel + 32 * tap * filters, 32 * depth, from, 4, 4 * filters, filters, channels, 8);
    }
    const [top, left] = [kernelHeight - 1 - vertical.before, kernelWidth - 1 - horizontal.before];
    const frame = scratch();
    kernels.embedImages(
      frame,
      frameHeight,
      frameWidth,
      dOutput,
      count,
      outHeight,
      outWidth,
      filters,
      top,
      left,
      strideY,
      strideX,
    );
    kernels.convolve(
      dInput,
      count,
      height,
      width,
      channels,
      frame,
      4 * frameSize,
      4 * frameWidth * filters,
      filters,
      1,
      1,
      kernelHeight,
      kernelWidth,
      packedKernel,
    );
  };

  const kernelGradient = (count: number, dOutput: number, { at, alpha, beta }: Landing): void => {
    const packed = scratch();
    for (let image = 0; image < count; image++) {
      kernels.pack(packed, 32 * places, dOutput + 4 * image * places * filters, 4 * filters, 4, places, filters, 8);
      kernels.convolveGradient(
        at,
        alpha,
        image === 0 ? beta : 1,
        packed,
        outHeight,
        outWidth,
        filters,
        padded + 4 * image * paddedSize,
        line,
        channels,
        strideY,
        strideX,
        kernelHeight,
        kernelWidth,
      );
    }
  };

  return {
    output,
    forward({ count }) {
      const depth = taps * channels;
      if (isPadded) {
        const { before: top } = vertical;
        const { before: left } = horizontal;
        kernels.embedImages(padded, paddedHeight, paddedWidth, input, count, height, width, channels, top, left, 1, 1);
      }
      kernels.pack(packedKernel, 32 * depth, kernel!.at, 4 * filters, 4, depth, filters, 8);
      kernels.convolve(
        output,
        count,
        outHeight,
        outWidth,
        filters,
        padded,
        4 * paddedSize,
        line,
        channels,
        strideY,
        strideX,
        kernelHeight,
        kernelWidth,
        packedKernel,
      );
      kernels.activate(output, bias?.at ?? 0, count * places, filters, kind);
    },
    backward({ count, land }, dOutput, dInput) {
      kernels.activateBack(dOutput, output, count * places * filters, kind);
      if (dInput !== null) inputGradient(count, dOutput, dInput);
      kernelGradient(count, dOutput, land(kernel!));
      if (bias === undefined) return;
      const { at, alpha, beta } = land(bias);
      kernels.columnSums(at, dOutput, count * places, filters, alpha, beta);
    },
  };
}
