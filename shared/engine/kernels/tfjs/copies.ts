import { Identity, Transpose, type TensorInfo, type TransposeAttrs } from '@tensorflow/tfjs-core';
import { sizeOf } from '../../../weights.ts';
import { newTensor } from './heap.ts';
import { namedKernel, type KernelCall, type NamedKernel } from './kernel.ts';

/** The same data under a second name, counted; the stock kernel copies it, some fifty times in a step of training. */
function identity({ inputs: { x }, backend }: KernelCall<'x', unknown>, stock: () => TensorInfo): TensorInfo {
  if (x.dtype === 'string') return stock();
  backend.incRef(x.dataId);
  return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
}

/** The stock kernel divides by the size of the tensor, which stops the program where there is none. */
function transpose(
  { inputs: { x }, backend, attrs: { perm } }: KernelCall<'x', TransposeAttrs>,
  stock: () => TensorInfo,
): TensorInfo {
  if (sizeOf(x.shape) > 0) return stock();
  return newTensor(
    backend,
    perm.map((axis) => x.shape[axis]!),
    x.dtype,
  );
}

export const copyKernels: readonly NamedKernel[] = [namedKernel(Identity, identity), namedKernel(Transpose, transpose)];
