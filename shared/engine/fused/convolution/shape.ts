import { transposedWindowOf, windowOf, type LayerOf } from '../../../tasks/layers.ts';

/** A convolution's sizes, all in pixels but the channels and filters. */
export interface ConvolutionShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly filters: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly strideY: number;
  readonly strideX: number;
  /** Zeros above and left of the image. */
  readonly top: number;
  readonly left: number;
}

/** What a layer asks of its images [height, width, channels]. */
export type Convolution = Omit<LayerOf<'conv2d'>, 'type'> & {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
};

export function shapeOf(layer: Convolution): ConvolutionShape {
  const { height, width, channels, filters, padding } = layer;
  const kernel = kernelOf(layer);
  const { output: outHeight, before: top } = windowOf(height, kernel.kernelHeight, kernel.strideY, padding);
  const { output: outWidth, before: left } = windowOf(width, kernel.kernelWidth, kernel.strideX, padding);
  return { ...kernel, height, width, channels, outHeight, outWidth, filters, top, left };
}

/**
 * The convolution whose gradient a transposed one is: it would take that one's outputs, and its channels are that one's
 * filters.
 */
export function shapeOfTransposed(layer: Convolution): ConvolutionShape {
  const { height: outHeight, width: outWidth, channels: filters, filters: channels, padding } = layer;
  const kernel = kernelOf(layer);
  const { output: height, before: top } = transposedWindowOf(outHeight, kernel.kernelHeight, kernel.strideY, padding);
  const { output: width, before: left } = transposedWindowOf(outWidth, kernel.kernelWidth, kernel.strideX, padding);
  return { ...kernel, height, width, channels, outHeight, outWidth, filters, top, left };
}

type Kernel = Pick<ConvolutionShape, 'kernelHeight' | 'kernelWidth' | 'strideY' | 'strideX'>;

function kernelOf({ kernelSize, strides }: Convolution): Kernel {
  const [kernelHeight, kernelWidth] = kernelSize;
  const [strideY, strideX] = strides;
  return { kernelHeight, kernelWidth, strideY, strideX };
}
