import { Conv2D, FusedConv2D, type Conv2DAttrs, type FusedConv2DAttrs, type TensorInfo } from '@tensorflow/tfjs-core';
import { sizeOf } from '../../../weights.ts';
import { gemm, gemmScratch, rowMajor } from '../gemm.ts';
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
import { activate, needActivation, needBias, spreadRow, type Epilogue } from './epilogue.ts';
import { addressOf, fill, kernelsOf, needFloats, newTensor, withScratch, type WasmBackend } from './heap.ts';
import { namedKernel, type KernelCall, type NamedKernel } from './kernel.ts';

/** Convolutions on our gemm: a little faster than the stock ones, and for images with channels first too. */

/** y [batch, outHeight, outWidth, filters] += columns · filter, or = where beta is 0. */
function convolve(
  backend: WasmBackend,
  y: number,
  images: number,
  filter: number,
  convolution: Convolution,
  beta: 0 | 1,
): void {
  const { filters, length, isPointwise } = convolution;
  const kernels = kernelsOf(backend);
  const bands = bandsOf(convolution);
  const most = placesOf(convolution, bands[0]!); // the others are as large or smaller
  const columnBytes = isPointwise ? 0 : 4 * most * length;
  withScratch(backend, columnBytes + gemmScratch(most, filters, length), (address) => {
    const columns = isPointwise ? images : address;
    const scratch = address + columnBytes;
    for (const band of bands) {
      if (!isPointwise) {
        eachImage(convolution, band, images, columns, (from, at, w) => kernels.imageToColumns(at, from, ...w));
      }
      const shape = [placesOf(convolution, band), filters, length] as const;
      gemm(kernels, bandOf(convolution, band, y), shape, rowMajor(columns, length), rowMajor(filter, filters), {
        beta,
        scratch,
      });
    }
  });
}

function convolution(
  backend: WasmBackend,
  kernel: string,
  { x, filter, bias }: Readonly<Record<'x' | 'filter' | 'bias', TensorInfo>>,
  attrs: Conv2DAttrs,
): TensorInfo {
  needFloats(kernel, [x, filter]);
  const shape = convolutionOf(kernel, x.shape, filter.shape, attrs);
  const { windows, filters, length, isChannelsFirst, outShape } = shape;
  const row = needBias(kernel, bias, filters);
  const out = newTensor(backend, outShape);
  const size = sizeOf(outShape);
  if (size === 0) return out;
  const weights = addressOf(backend, filter);
  // The product is added to rows that hold the bias.
  const compute = (y: number): void => {
    if (row !== undefined) spreadRow(backend, y, size, row, filters);
    else if (length === 0) fill(backend, y, size, 0);
    if (length === 0) return;
    withChannelsLast(backend, x, isChannelsFirst, (images) =>
      convolve(backend, y, images, weights, shape, row === undefined ? 0 : 1),
    );
  };
  const to = addressOf(backend, out);
  if (!isChannelsFirst) compute(to);
  else {
    withScratch(backend, 4 * size, (y) => {
      compute(y);
      turnImages(backend, to, y, windows.batch, windows.outHeight * windows.outWidth, filters);
    });
  }
  return out;
}

const conv2D = ({ inputs, backend, attrs }: KernelCall<'x' | 'filter' | 'bias', Conv2DAttrs>): TensorInfo =>
  convolution(backend, Conv2D, inputs, attrs);

/** activation(convolution + bias) */
function fusedConv2D({
  inputs,
  backend,
  attrs,
}: KernelCall<'x' | 'filter' | 'bias' | 'preluActivationWeights', FusedConv2DAttrs>): TensorInfo {
  const epilogue: Epilogue = { ...attrs, alpha: inputs.preluActivationWeights };
  needActivation(FusedConv2D, epilogue);
  return activate(backend, convolution(backend, FusedConv2D, inputs, attrs), epilogue);
}

export const convolutionKernels: readonly NamedKernel[] = [
  namedKernel(Conv2D, conv2D),
  namedKernel(FusedConv2D, fusedConv2D),
];
