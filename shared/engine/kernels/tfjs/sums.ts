import { Sum, util, type SumAttrs, type TensorInfo } from '@tensorflow/tfjs-core';
import { sizeOf } from '../../../weights.ts';
import { addressOf, kernelsOf, newTensor } from './heap.ts';
import { namedKernel, type KernelCall, type NamedKernel } from './kernel.ts';

/** Sums over the first axes, as in the gradient of a bias, in one pass: the stock kernel transposes first. */
function sum({ inputs: { x }, backend, attrs }: KernelCall<'x', SumAttrs>, stock: () => TensorInfo): TensorInfo {
  const axes = util.parseAxisParam(attrs.axis, x.shape).sort((a, b) => a - b);
  const { length } = axes;
  const isFirst = length > 0 && length < x.shape.length && axes.every((axis, i) => axis === i);
  if (!isFirst || x.dtype !== 'float32' || sizeOf(x.shape) === 0) return stock();
  const row = x.shape.slice(length);
  const out = newTensor(backend, attrs.keepDims ? [...axes.map(() => 1), ...row] : row);
  const rows = sizeOf(x.shape.slice(0, length));
  kernelsOf(backend).columnSums(addressOf(backend, out), addressOf(backend, x), rows, sizeOf(row), 1, 0);
  return out;
}

export const sumKernels: readonly NamedKernel[] = [namedKernel(Sum, sum)];
