import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import type { WasmBackend } from './heap.ts';

/** What TensorFlow.js calls a kernel with: tensors by name, and what else the operation was told. */
export interface KernelCall<Input extends string, Attrs> {
  readonly inputs: Readonly<Record<Input, TensorInfo>>;
  readonly backend: WasmBackend;
  readonly attrs: Attrs;
}

/** A kernel of the wasm backend by the name of its operation. */
export interface NamedKernel {
  readonly name: string;
  /** The kernel, given the one that it replaces; undefined where the backend has none. */
  over(stock: KernelFunc | undefined): KernelFunc;
}

/**
 * A kernel with the types that its operation has; TensorFlow.js knows none of them.
 * @param run - gets the call and, for what it leaves to it, the kernel that it replaces
 */
export const namedKernel = <Input extends string, Attrs>(
  name: string,
  run: (call: KernelCall<Input, Attrs>, stock: () => TensorInfo) => TensorInfo,
): NamedKernel => ({
  name,
  over: (stock) => (call) => run(call as unknown as KernelCall<Input, Attrs>, () => stock!(call) as TensorInfo),
});
