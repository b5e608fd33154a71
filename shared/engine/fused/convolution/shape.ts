import { windowOf, type LayerOf } from '../../../tasks/layers.ts';

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
