import type { DataType, TensorInfo } from '@tensorflow/tfjs-core';
import { FederatedError } from '../../../errors.ts';
import { sizeOf } from '../../../weights.ts';
import { loadKernels, type Kernels } from '../load.ts';

/** What we use of the wasm backend of TensorFlow.js 4.22: its tensors lie in one WebAssembly memory that we share. */
export interface WasmBackend {
  readonly wasm: {
    readonly asm?: { readonly memory?: unknown };
    readonly HEAPF32: Float32Array;
    _malloc(bytes: number): number;
    _free(address: number): void;
  };
  readonly dataIdMap: { get(dataId: object): { readonly memoryOffset: number } | undefined };
  makeOutput(shape: number[], dtype: DataType): TensorInfo;
  disposeData(dataId: object): boolean;
  incRef(dataId: object): void;
}

const attached = new WeakMap<WasmBackend, Kernels>();

/**
 * Our kernels over the memory of a backend: from here on `kernelsOf` has them.
 * @throws FederatedError NO_BACKEND when the memory is not there, is shared by threads, or SIMD is missing
 */
export async function attachKernels(backend: WasmBackend): Promise<void> {
  if (attached.has(backend)) return;
  const memory = (backend as Partial<WasmBackend> | undefined)?.wasm?.asm?.memory;
  if (!(memory instanceof WebAssembly.Memory)) {
    throw new FederatedError(
      'NO_BACKEND',
      'kernels: this is not the wasm backend of TensorFlow.js 4.22, whose memory they share; use that version',
    );
  }
  if (typeof SharedArrayBuffer !== 'undefined' && memory.buffer instanceof SharedArrayBuffer) {
    throw new FederatedError(
      'NO_BACKEND',
      'kernels: the threaded build of TensorFlow.js has a shared memory, which they cannot use; ' +
        'set the flag WASM_HAS_MULTITHREAD_SUPPORT to false before the backend starts',
    );
  }
  attached.set(backend, await loadKernels(memory));
}

/** @throws FederatedError NO_BACKEND when `attachKernels` has not come to its end for this backend */
export function kernelsOf(backend: WasmBackend): Kernels {
  const kernels = attached.get(backend);
  if (kernels !== undefined) return kernels;
  throw new FederatedError(
    'NO_BACKEND',
    'kernels: this instance of the wasm backend has none yet; await registerTrainingKernels(backend) first',
  );
}

/** Where a tensor lies, in bytes. Stays so while the memory grows; views of the memory do not. */
export const addressOf = (backend: WasmBackend, tensor: TensorInfo): number =>
  backend.dataIdMap.get(tensor.dataId)!.memoryOffset;

const outOfMemory = (bytes: number): FederatedError =>
  new FederatedError(
    'TRAINING_FAILED',
    `kernels: no memory left for ${bytes} bytes; use smaller batches or a smaller model`,
  );

/**
 * A new tensor, its values undefined.
 * @throws FederatedError TRAINING_FAILED when the memory is full
 */
export function newTensor(backend: WasmBackend, shape: readonly number[], dtype: DataType = 'float32'): TensorInfo {
  const tensor = backend.makeOutput([...shape], dtype);
  if (addressOf(backend, tensor) === 0 && sizeOf(shape) > 0) {
    backend.disposeData(tensor.dataId);
    throw outOfMemory(4 * sizeOf(shape));
  }
  return tensor;
}

/**
 * Lends memory for the time of a call.
 * @throws FederatedError TRAINING_FAILED when the memory is full
 */
export function withScratch<T>(backend: WasmBackend, bytes: number, use: (address: number) => T): T {
  if (bytes === 0) return use(0);
  const address = backend.wasm._malloc(bytes) >>> 0; // comes signed
  if (address === 0) throw outOfMemory(bytes);
  try {
    return use(address);
  } finally {
    backend.wasm._free(address);
  }
}

/** Sets `count` floats from an address on. The view is fresh, as any allocation may have replaced the last one. */
export const fill = (backend: WasmBackend, address: number, count: number, value: number): void =>
  void backend.wasm.HEAPF32.fill(value, address / 4, address / 4 + count);

/** `count` int32 from an address on; to be read at once. */
export const wholeNumbers = (backend: WasmBackend, address: number, count: number): Int32Array =>
  new Int32Array(backend.wasm.HEAPF32.buffer, address, count);

/** Copies `count` floats. */
export const copy = (backend: WasmBackend, to: number, from: number, count: number): void =>
  void backend.wasm.HEAPF32.copyWithin(to / 4, from / 4, from / 4 + count);

/** @throws FederatedError BAD_ARGUMENT unless every tensor holds float32 */
export function needFloats(kernel: string, tensors: readonly TensorInfo[]): void {
  const other = tensors.find(({ dtype }) => dtype !== 'float32');
  if (other === undefined) return;
  throw new FederatedError('BAD_ARGUMENT', `${kernel}: takes float32 tensors, got ${other.dtype}; cast it first`);
}
