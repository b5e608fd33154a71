import {
  Conv2DBackpropFilter,
  Conv2DBackpropInput,
  type Conv2DBackpropFilterAttrs,
  type Conv2DBackpropInputAttrs,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import { FederatedError } from '../../../errors.ts';
import { sizeOf } from '../../../weights.ts';
import { gemm, gemmScratch, rowMajor, transposed } from '../gemm.ts';
import {
  bandOf,
  bandsOf,
  convolutionOf,
  eachImage,
  placesOf,
  turnImages,
  withChannelsLast,
  type Convolution,
} from './columns.ts';
import { addressOf, fill, kernelsOf, needFloats, newTensor, withScratch, type WasmBackend } from './heap.ts';
import { namedKernel, type KernelCall, type NamedKernel } from './kernel.ts';

/** Gradients of convolutions: the wasm backend lacks that of the filter, and its own of the input is slow. */

function needGradient(kernel: string, { outShape }: Convolution, dy: TensorInfo): void {
  if (outShape.join() === dy.shape.join()) return;
  throw new FederatedError(
    'BAD_ARGUMENT',
    `${kernel}: dy must be [${outShape.join(', ')}], got [${dy.shape.join(', ')}]`,
  );
}

/** dFilter = columnsᵀ · dy, summed over the bands. */
function backpropFilter({
  inputs: { x, dy },
  backend,
  attrs,
}: KernelCall<'x' | 'dy', Conv2DBackpropFilterAttrs>): TensorInfo {
  needFloats(Conv2DBackpropFilter, [x, dy]);
  const convolution = convolutionOf(Conv2DBackpropFilter, x.shape, attrs.filterShape, attrs);
  needGradient(Conv2DBackpropFilter, convolution, dy);
  const { filters, length, isPointwise, isChannelsFirst } = convolution;
  const kernels = kernelsOf(backend);
  const out = newTensor(backend, attrs.filterShape);
  const to = addressOf(backend, out);
  if (sizeOf(dy.shape) === 0 || length === 0) {
    fill(backend, to, sizeOf(out.shape), 0);
    return out;
  }
  const bands = bandsOf(convolution);
  const most = placesOf(convolution, bands[0]!); // the others are as large or smaller
  const columnBytes = isPointwise ? 0 : 4 * most * length;
  withChannelsLast(backend, x, isChannelsFirst, (images) =>
    withChannelsLast(backend, dy, isChannelsFirst, (gradient) =>
      withScratch(backend, columnBytes + gemmScratch(length, filters, most), (address) => {
        const columns = isPointwise ? images : address;
        const scratch = address + columnBytes;
        for (const [index, band] of bands.entries()) {
          if (!isPointwise)
            eachImage(convolution, band, images, columns, (from, at, w) => kernels.imageToColumns(at, from, ...w));
          const left = transposed(rowMajor(columns, length));
          const beta = index === 0 ? 0 : 1;
          const shape = [length, filters, placesOf(convolution, band)] as const;
          gemm(kernels, to, shape, left, rowMajor(bandOf(convolution, band, gradient), filters), { beta, scratch });
        }
      }),
    ),
  );
  return out;
}

/** dColumns = dy · filterᵀ, and each pixel gets the sum over the windows that it is in. */
function backpropInput({
  inputs: { dy, filter },
  backend,
  attrs,
}: KernelCall<'dy' | 'filter', Conv2DBackpropInputAttrs>): TensorInfo {
  needFloats(Conv2DBackpropInput, [dy, filter]);
  const convolution = convolutionOf(Conv2DBackpropInput, attrs.inputShape, filter.shape, attrs);
  needGradient(Conv2DBackpropInput, convolution, dy);
  const { windows, isChannelsFirst } = convolution;
  const out = newTensor(backend, attrs.inputShape);
  const to = addressOf(backend, out);
  const size = sizeOf(out.shape);
  if (size === 0 || sizeOf(dy.shape) === 0) {
    fill(backend, to, size, 0);
    return out;
  }
  const weights = addressOf(backend, filter);
  withChannelsLast(backend, dy, isChannelsFirst, (gradient) => {
    if (!isChannelsFirst) {
      spreadOverWindows(backend, to, gradient, weights, convolution);
      return;
    }
    withScratch(backend, 4 * size, (images) => {
      spreadOverWindows(backend, images, gradient, weights, convolution);
      turnImages(backend, to, images, windows.batch, windows.height * windows.width, windows.channels);
    });
  });
  return out;
}

/** Gradient of images [batch, height, width, channels]. */
function spreadOverWindows(
  backend: WasmBackend,
  images: number,
  gradient: number,
  filter: number,
  convolution: Convolution,
): void {
  const { windows, filters, length, isPointwise } = convolution;
  const kernels = kernelsOf(backend);
  const bands = bandsOf(convolution);
  const most = placesOf(convolution, bands[0]!); // the others are as large or smaller
  const columnBytes = isPointwise ? 0 : 4 * most * length;
  withScratch(backend, columnBytes + gemmScratch(most, length, filters), (address) => {
    const columns = isPointwise ? images : address;
    const scratch = address + columnBytes;
    const weights = transposed(rowMajor(filter, filters)); // [filters, length]
    if (!isPointwise) fill(backend, images, windows.batch * windows.height * windows.width * windows.channels, 0);
    for (const band of bands) {
      const shape = [placesOf(convolution, band), length, filters] as const;
      gemm(kernels, columns, shape, rowMajor(bandOf(convolution, band, gradient), filters), weights, { scratch });
      if (!isPointwise)
        eachImage(convolution, band, images, columns, (to, at, w) => kernels.addColumnsToImage(to, at, ...w));
    }
  });
}

export const convolutionGradients: readonly NamedKernel[] = [
  namedKernel(Conv2DBackpropFilter, backpropFilter),
  namedKernel(Conv2DBackpropInput, backpropInput),
];
