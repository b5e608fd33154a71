import {
  backend_util,
  DepthwiseConv2dNativeBackpropFilter,
  DepthwiseConv2dNativeBackpropInput,
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

/** Gradients of depthwise convolutions, which the wasm backend lacks. Channels last only, as its forward pass. */

type Attrs = Omit<DepthwiseConv2dNativeBackpropFilterAttrs, 'filterShape'>;
type Shape4D = [number, number, number, number];

interface Depthwise {
  readonly windows: Windows;
  readonly window: WindowArguments;
  readonly multiplier: number;
  /** Bytes of one image of the input and of the gradient. */
  readonly imageBytes: number;
  readonly gradientBytes: number;
}

function depthwiseOf(
  kernel: string,
  input: readonly number[],
  filter: readonly number[],
  dy: TensorInfo,
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
  if (info.outShape.join() !== dy.shape.join()) {
    throw new FederatedError(
      'BAD_ARGUMENT',
      `${kernel}: dy must be [${info.outShape.join(', ')}], got [${dy.shape.join(', ')}]`,
    );
  }
  const windows = windowsOf(info);
  return {
    windows,
    window: windowArguments(windows),
    multiplier: filter[3]!,
    imageBytes: 4 * windows.height * windows.width * windows.channels,
    gradientBytes: 4 * windows.outHeight * windows.outWidth * info.outChannels,
  };
}

function backpropFilter({
  inputs: { x, dy },
  backend,
  attrs,
}: KernelCall<'x' | 'dy', DepthwiseConv2dNativeBackpropFilterAttrs>): TensorInfo {
  const { filterShape } = attrs;
  needFloats(DepthwiseConv2dNativeBackpropFilter, [x, dy]);
  const depthwise = depthwiseOf(DepthwiseConv2dNativeBackpropFilter, x.shape, filterShape, dy, attrs);
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
  const depthwise = depthwiseOf(DepthwiseConv2dNativeBackpropInput, inputShape, filter.shape, dy, attrs);
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
  namedKernel(DepthwiseConv2dNativeBackpropFilter, backpropFilter),
  namedKernel(DepthwiseConv2dNativeBackpropInput, backpropInput),
];
