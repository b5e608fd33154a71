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

export function shapeOf({
  height,
  width,
  channels,
  filters,
  kernelSize,
  strides,
  padding,
}: Convolution): ConvolutionShape {
  const [kernelHeight, kernelWidth] = kernelSize;
  const [strideY, strideX] = strides;
  const { output: outHeight, before: top } = windowOf(height, kernelHeight, strideY, padding);
  const { output: outWidth, before: left } = windowOf(width, kernelWidth, strideX, padding);
  return {
    height,
    width,
    channels,
    outHeight,
    outWidth,
    filters,
    kernelHeight,
    kernelWidth,
    strideY,
    strideX,
    top,
    left,
  };
}

/**
 * The convolution whose gradient a transposed one is: it would take that one's outputs, and its channels are that one's
 * filters.
 */
export function shapeOfTransposed({
  height,
  width,
  channels,
  filters,
  kernelSize,
  strides,
  padding,
}: Convolution): ConvolutionShape {
  const [kernelHeight, kernelWidth] = kernelSize;
  const [strideY, strideX] = strides;
  const vertical = transposedWindowOf(height, kernelHeight, strideY, padding);
  const horizontal = transposedWindowOf(width, kernelWidth, strideX, padding);
  return {
    height: vertical.output,
    width: horizontal.output,
    channels: filters,
    outHeight: height,
    outWidth: width,
    filters: channels,
    kernelHeight,
    kernelWidth,
    strideY,
    strideX,
    top: vertical.before,
    left: horizontal.before,
  };
}
