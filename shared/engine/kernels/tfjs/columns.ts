import { backend_util, type Conv2DAttrs, type TensorInfo } from '@tensorflow/tfjs-core';
import { FederatedError } from '../../../errors.ts';
import { sizeOf } from '../../../weights.ts';
import { windowArguments, type WindowArguments, type Windows } from '../windows.ts';
import { addressOf, kernelsOf, withScratch, type WasmBackend } from './heap.ts';
import { windowsOf } from './windows-of.ts';

/**
 * A convolution as a product of matrices (Chellapilla et al. 2006): the windows of an image are the rows of a matrix
 * `columns` [places, kernelHeight kernelWidth channels], and y = columns · filter. They are laid out a band at a time.
 */

/** So much of `columns` is made at a time, in bytes: what a second-level cache may hold, and a bound on the memory. */
const chunkBytes = 1_048_576;

export interface Convolution {
  readonly windows: Windows;
  /** Of y, in the order of axes that was asked for. */
  readonly outShape: readonly number[];
  readonly filters: number;
  /** Numbers in a window. */
  readonly length: number;
  /** The window is one pixel and takes each once: the image is its own matrix of windows. */
  readonly isPointwise: boolean;
  /** Channels come before height and width. */
  readonly isChannelsFirst: boolean;
}

/** What an operation says of its convolution; the gradients know no dilation. */
export interface ConvolutionAttrs {
  readonly strides: Conv2DAttrs['strides'];
  readonly pad: Conv2DAttrs['pad'];
  readonly dataFormat?: Conv2DAttrs['dataFormat'];
  readonly dilations?: Conv2DAttrs['dilations'];
  readonly dimRoundingMode?: Conv2DAttrs['dimRoundingMode'];
}

type Shape4D = [number, number, number, number];

export function convolutionOf(
  kernel: string,
  input: readonly number[],
  filter: readonly number[],
  { strides, pad, dataFormat, dilations, dimRoundingMode }: ConvolutionAttrs,
): Convolution {
  if (input.length !== 4 || filter.length !== 4) {
    throw new FederatedError(
      'BAD_ARGUMENT',
      `${kernel}: images and filter must have 4 axes each, got [${input.join(', ')}] and [${filter.join(', ')}]`,
    );
  }
  const info = backend_util.computeConv2DInfo(
    [...input] as Shape4D,
    [...filter] as Shape4D,
    strides,
    dilations ?? 1,
    pad,
    dimRoundingMode,
    false,
    backend_util.convertConv2DDataFormat(dataFormat ?? 'NHWC'),
  );
  if (info.inChannels !== filter[2]) {
    throw new FederatedError(
      'BAD_ARGUMENT',
      `${kernel}: the filter is for ${filter[2]} channels, the input has ${info.inChannels}; grouped convolution is not supported`,
    );
  }
  const windows = windowsOf(info);
  const { height, width, channels, outHeight, outWidth, kernelHeight, kernelWidth } = windows;
  return {
    windows,
    outShape: info.outShape,
    filters: info.outChannels,
    length: kernelHeight * kernelWidth * channels,
    isPointwise:
      kernelHeight * kernelWidth * windows.strideHeight * windows.strideWidth === 1 &&
      windows.top === 0 &&
      windows.left === 0 &&
      outHeight === height &&
      outWidth === width,
    isChannelsFirst: info.dataFormat === 'channelsFirst',
  };
}

/** Windows that are laid out at a time: of whole images, or `rows` of the rows of one image, from `row` on. */
export interface Band {
  readonly image: number;
  readonly images: number;
  readonly row: number;
  readonly rows: number;
}

export function bandsOf({ windows, length, isPointwise }: Convolution): Band[] {
  const { batch, outHeight, outWidth } = windows;
  if (isPointwise) return [{ image: 0, images: batch, row: 0, rows: outHeight }];
  const rowsAtOnce = Math.max(1, Math.floor(chunkBytes / (4 * outWidth * length)));
  const images = Math.max(1, Math.min(batch, Math.floor(rowsAtOnce / outHeight)));
  const rows = Math.min(rowsAtOnce, outHeight);
  const bands: Band[] = [];
  for (let image = 0; image < batch; image += images) {
    for (let row = 0; row < outHeight; row += rows) {
      bands.push({ image, images: Math.min(images, batch - image), row, rows: Math.min(rows, outHeight - row) });
    }
  }
  return bands;
}

/** Windows of a band. */
export const placesOf = ({ windows }: Convolution, { images, rows }: Band): number => images * rows * windows.outWidth;

/** Calls with each image of a band: its address, that of its columns, and the windows of the band in it. */
export function eachImage(
  { windows, length }: Convolution,
  band: Band,
  images: number,
  columns: number,
  run: (image: number, columns: number, window: WindowArguments) => void,
): void {
  const { height, width, channels, top, strideHeight } = windows;
  const window = windowArguments({ ...windows, outHeight: band.rows, top: top - band.row * strideHeight });
  const pixels = 4 * height * width * channels;
  const bytes = 4 * band.rows * windows.outWidth * length;
  for (let i = 0; i < band.images; i++) run(images + (band.image + i) * pixels, columns + i * bytes, window);
}

/** Where the rows of y of a band begin: a matrix [places, filters]. */
export const bandOf = ({ windows, filters }: Convolution, band: Band, y: number): number =>
  y + 4 * (band.image * windows.outHeight + band.row) * windows.outWidth * filters;

/** Runs with the address of a tensor [batch, channels, ...pixels] as [batch, ...pixels, channels]. */
export function withChannelsLast<T>(
  backend: WasmBackend,
  tensor: TensorInfo,
  isChannelsFirst: boolean,
  use: (address: number) => T,
): T {
  const from = addressOf(backend, tensor);
  if (!isChannelsFirst) return use(from);
  return withScratch(backend, 4 * sizeOf(tensor.shape), (to) => {
    turnImages(backend, to, from, tensor.shape[0]!, tensor.shape[1]!, tensor.shape[2]! * tensor.shape[3]!);
    return use(to);
  });
}

/** to [batch, columns, rows] = from [batch, rows, columns], each image transposed. */
export function turnImages(
  backend: WasmBackend,
  to: number,
  from: number,
  batch: number,
  rows: number,
  columns: number,
): void {
  const kernels = kernelsOf(backend);
  const bytes = 4 * rows * columns;
  for (let i = 0; i < batch; i++) kernels.transposeMatrix(to + i * bytes, from + i * bytes, rows, columns);
}
