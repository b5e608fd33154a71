import {
  backend_util,
  DepthwiseConv2dNative,
  DepthwiseConv2dNativeBackpropFilter,
  DepthwiseConv2dNativeBackpropInput,
  type DepthwiseConv2dNativeAttrs,
  type DepthwiseConv2dNativeBackpropFilterAttrs,
  type DepthwiseConv2dNativeBackpropInputAttrs,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import { FederatedError } from '../../../errors.ts';
import { sizeOf } from '../../../weights.ts';
import { windowArguments, type WindowArguments, type Windows } from '../windows.ts';
import { addressOf, fill, kernelsOf, needFloats, newTensor } from './heap.ts';
import { namedKernel, type KernelCall, type NamedKernel } from './kernel.ts';
import { windowsOf } from './windows-of.ts';

/**
 * Depthwise convolutions, channels last only. The stock forward pass of 4.22 is wrong with padding `same` where a stride is
 * larger than the kernel along one axis alone, and the gradients are lacking.
 */

type Attrs = Omit<DepthwiseConv2dNativeBackpropFilterAttrs, 'filterShape'>;
type Shape4D = [number, number, number, number];

interface Depthwise {
  readonly windows: Windows;
  readonly window: WindowArguments;
  readonly multiplier: number;
  /** Bytes of one image of the input and of the gradient. */
  readonly imageBytes: number;
  readonly gradientBytes: number;
  readonly outShape: readonly number[];
}

function depthwiseOf(
  kernel: string,
  input: readonly number[],
  filter: readonly number[],
  { strides, dilations, pad, dimRoundingMode }: Attrs,
): Depthwise {
  if (input.length !== 4 || filter.length !== 4 || input[3] !== filter[2]) {
    throw new FederatedError(
      'BAD_ARGUMENT',
      `${kernel}: needs images [batch, height, width, channels] and a filter [height, width, channels, multiplier], ` +
        `got [${input.join(', ')}] and [${filter.join(', ')}]`,
    );
  }
  const info = backend_util.computeConv2DInfo(
    [...input] as Shape4D,
    [...filter] as Shape4D,
    strides,
    dilations ?? 1,
    pad,
    dimRoundingMode,
    true,
  );
  const windows = windowsOf(info);
  return {
    windows,
    window: windowArguments(windows),
    multiplier: filter[3]!,
    imageBytes: 4 * windows.height * windows.width * windows.channels,
    gradientBytes: 4 * windows.outHeight * windows.outWidth * info.outChannels,
    outShape: info.outShape,
  };
}

function needGradient(kernel: string, { outShape }: Depthwise, dy: TensorInfo): void {
  if (outShape.join() === dy.shape.join()) return;
  throw new FederatedError(
    'BAD_ARGUMENT',
    `${kernel}: dy must be [${outShape.join(', ')}], got [${dy.shape.join(', ')}]`,
  );
}

function forward(
  { inputs: { x, filter }, backend, attrs }: KernelCall<'x' | 'filter', DepthwiseConv2dNativeAttrs>,
  stock: () => TensorInfo,
): TensorInfo {
  if (attrs.dataFormat === 'NCHW') return stock();
  needFloats(DepthwiseConv2dNative, [x, filter]);
  const depthwise = depthwiseOf(DepthwiseConv2dNative, x.shape, filter.shape, attrs);
  const { windows, window, multiplier, imageBytes, gradientBytes, outShape } = depthwise;
  const kernels = kernelsOf(backend);
  const out = newTensor(backend, outShape);
  const [to, images, weights] = [addressOf(backend, out), addressOf(backend, x), addressOf(backend, filter)];
  for (let i = 0; i < windows.batch; i++) {
    kernels.depthwise(to + i * gradientBytes, images + i * imageBytes, weights, multiplier, ...window);
  }
  return out;
}

function backpropFilter({
  inputs: { x, dy },
  backend,
  attrs,
}: KernelCall<'x' | 'dy', DepthwiseConv2dNativeBackpropFilterAttrs>): TensorInfo {
  const { filterShape } = attrs;
  needFloats(DepthwiseConv2dNativeBackpropFilter, [x, dy]);
  const depthwise = depthwiseOf(DepthwiseConv2dNativeBackpropFilter, x.shape, filterShape, attrs);
  needGradient(DepthwiseConv2dNativeBackpropFilter, depthwise, dy);
  const { windows, window, multiplier, imageBytes, gradientBytes } = depthwise;
  const kernels = kernelsOf(backend);
  const out = newTensor(backend, filterShape);
  const [to, images, gradient] = [addressOf(backend, out), addressOf(backend, x), addressOf(backend, dy)];
  fill(backend, to, sizeOf(filterShape), 0);
  for (let i = 0; i < windows.batch; i++) {
    kernels.addDepthwiseFilterGradient(
      to,
      images + i * imageBytes,
      gradient + i * gradientBytes,
      multiplier,
      ...window,
    );
  }
  return out;
}

function backpropInput({
  inputs: { dy, filter },
  backend,
  attrs,
}: KernelCall<'dy' | 'filter', DepthwiseConv2dNativeBackpropInputAttrs>): TensorInfo {
  const { inputShape } = attrs;
  needFloats(DepthwiseConv2dNativeBackpropInput, [dy, filter]);
  const depthwise = depthwiseOf(DepthwiseConv2dNativeBackpropInput, inputShape, filter.shape, attrs);
  needGradient(DepthwiseConv2dNativeBackpropInput, depthwise, dy);
  const { windows, window, multiplier, imageBytes, gradientBytes } = depthwise;
  const kernels = kernelsOf(backend);
  const out = newTensor(backend, inputShape);
  const [images, weights, gradient] = [addressOf(backend, out), addressOf(backend, filter), addressOf(backend, dy)];
  for (let i = 0; i < windows.batch; i++) {
    kernels.depthwiseInputGradient(
      images + i * imageBytes,
      weights,
      gradient + i * gradientBytes,
      multiplier,
      ...window,
    );
  }
  return out;
}

export const depthwiseKernels: readonly NamedKernel[] = [
  namedKernel(DepthwiseConv2dNative, forward),
  namedKernel(DepthwiseConv2dNativeBackpropFilter, backpropFilter),
  namedKernel(DepthwiseConv2dNativeBackpropInput, backpropInput),
];
