/**
 * How windows move over images: batches of [height, width, channels], `outHeight` by `outWidth` windows each. The window at
 * (y, x) has the pixel (y strideHeight - top + i dilationHeight, x strideWidth - left + j dilationWidth) at its place
 * (i, j); places outside the image hold nothing. Counts from 0 on, strides and dilations from 1 on.
 */
export interface Windows {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly dilationHeight: number;
  readonly dilationWidth: number;
  readonly top: number;
  readonly left: number;
}

/** Windows of one image as the kernels take them: height, width, channels, ... in the order of `Windows`. */
export type WindowArguments = readonly [
  height: number,
  width: number,
  channels: number,
  outHeight: number,
  outWidth: number,
  kernelHeight: number,
  kernelWidth: number,
  strideHeight: number,
  strideWidth: number,
  dilationHeight: number,
  dilationWidth: number,
  top: number,
  left: number,
];

export const windowArguments = (w: Windows): WindowArguments => [
  w.height,
  w.width,
  w.channels,
  w.outHeight,
  w.outWidth,
  w.kernelHeight,
  w.kernelWidth,
  w.strideHeight,
  w.strideWidth,
  w.dilationHeight,
  w.dilationWidth,
  w.top,
  w.left,
];
