import {
  AvgPoolGrad,
  backend_util,
  MaxPoolGrad,
  type AvgPoolGradAttrs,
  type MaxPoolGradAttrs,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import { FederatedError } from '../../../errors.ts';
import { windowArguments, type WindowArguments, type Windows } from '../windows.ts';
import { addressOf, kernelsOf, needFloats, newTensor } from './heap.ts';
import { namedKernel, type KernelCall, type NamedKernel } from './kernel.ts';
import { windowsOf } from './windows-of.ts';

/**
 * Gradients of pooling. The stock ones of the wasm backend are slow; where a maximum is tied they take the last place of the
 * window (ours the first, as the cpu backend and TensorFlow do); and where windows reach over the border, the stock
 * gradient of the average divides by the whole window although the average itself divides by what is inside.
 */

interface Pooling {
  readonly windows: Windows;
  readonly window: WindowArguments;
  /** Bytes of one image of the input and of the gradient. */
  readonly imageBytes: number;
  readonly gradientBytes: number;
}

function poolingOf(
  kernel: string,
  input: TensorInfo,
  dy: TensorInfo,
  { filterSize, strides, pad, dimRoundingMode }: MaxPoolGradAttrs,
): Pooling {
  needFloats(kernel, [input, dy]);
  const shape = input.shape as [number, number, number, number];
  const info = backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
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
    imageBytes: 4 * windows.height * windows.width * windows.channels,
    gradientBytes: 4 * windows.outHeight * windows.outWidth * windows.channels,
  };
}

function maxPoolGrad({
  inputs: { dy, input },
  backend,
  attrs,
}: KernelCall<'dy' | 'input', MaxPoolGradAttrs>): TensorInfo {
  const { windows, window, imageBytes, gradientBytes } = poolingOf(MaxPoolGrad, input, dy, attrs);
  const kernels = kernelsOf(backend);
  const dx = newTensor(backend, input.shape);
  const [to, gradient, images] = [addressOf(backend, dx), addressOf(backend, dy), addressOf(backend, input)];
  for (let i = 0; i < windows.batch; i++) {
    kernels.maxPoolGradient(to + i * imageBytes, gradient + i * gradientBytes, images + i * imageBytes, ...window);
  }
  return dx;
}

function avgPoolGrad({
  inputs: { dy, input },
  backend,
  attrs,
}: KernelCall<'dy' | 'input', AvgPoolGradAttrs>): TensorInfo {
  const { windows, window, imageBytes, gradientBytes } = poolingOf(AvgPoolGrad, input, dy, attrs);
  const kernels = kernelsOf(backend);
  const dx = newTensor(backend, input.shape);
  const [to, gradient] = [addressOf(backend, dx), addressOf(backend, dy)];
  for (let i = 0; i < windows.batch; i++) {
    kernels.averagePoolGradient(to + i * imageBytes, gradient + i * gradientBytes, ...window);
  }
  return dx;
}

export const poolKernels: readonly NamedKernel[] = [
  namedKernel(MaxPoolGrad, maxPoolGrad),
  namedKernel(AvgPoolGrad, avgPoolGrad),
];
