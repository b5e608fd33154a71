import * as tf from '@tensorflow/tfjs-core';
import { isNotInstalled, type ImportModule } from '../../../../shared/engine/backends/import-module.ts';
import { FederatedError } from '../../../../shared/errors.ts';

/** Stand-ins for packages that cannot be had here: each does what a real one was seen to do. */

/** A way of importing that knows the given packages, and nothing else. Counts how often each was asked for. */
export function importing(packages: Readonly<Record<string, () => unknown>>): ImportModule & { asked: string[] } {
  const asked: string[] = [];
  const load = async (name: string): Promise<unknown> => {
    asked.push(name);
    const run = packages[name];
    if (run !== undefined) return run();
    const cause = Object.assign(new Error(`Cannot find package '${name}' imported from here`), {
      code: 'ERR_MODULE_NOT_FOUND',
    });
    if (!isNotInstalled(cause, name)) throw cause;
    throw new FederatedError('NO_BACKEND', `the package ${name} is not installed; run npm install ${name}`, { cause });
  };
  return Object.assign(load, { asked });
}

interface NativeOptions {
  /** What tfjs-node-gpu says of itself. */
  readonly isUsingGpuDevice?: boolean;
  /** Asked whenever a tensor is read; true: the answer never comes. */
  readonly hangs?: () => boolean;
  /** Changes what a product of matrices gives. */
  readonly spoil?: (values: Float32Array) => void;
}

/** tfjs-node as it is when all is well: registers a backend `tensorflow`, here with the kernels of cpu. */
export async function tfjsNodeStandIn({
  isUsingGpuDevice = false,
  hangs = () => false,
  spoil,
}: NativeOptions = {}): Promise<object> {
  const { MathBackendCPU } = await import('@tensorflow/tfjs-backend-cpu');
  tf.copyRegisteredKernels('cpu', 'tensorflow');
  class NativeBackend extends MathBackendCPU {
    readonly isUsingGpuDevice = isUsingGpuDevice;
    override read(dataId: object): Promise<tf.BackendValues> {
      return hangs() ? new Promise(() => {}) : super.read(dataId);
    }
  }
  tf.registerBackend('tensorflow', () => new NativeBackend(), 3);
  if (spoil !== undefined) {
    const right = tf.getKernel('BatchMatMul', 'tensorflow').kernelFunc;
    tf.unregisterKernel('BatchMatMul', 'tensorflow');
    tf.registerKernel({
      kernelName: 'BatchMatMul',
      backendName: 'tensorflow',
      kernelFunc: (call) => {
        const result = right(call) as tf.TensorInfo;
        const backend = call.backend as InstanceType<typeof MathBackendCPU>;
        const { transposeA } = call.attrs as unknown as { readonly transposeA: boolean };
        if (transposeA) spoil(backend.data.get(result.dataId).values as Float32Array);
        return result;
      },
    });
  }
  return {};
}

/** Takes a stand-in out of TensorFlow.js again. */
export function removeTfjsNode(): void {
  if (tf.findBackendFactory('tensorflow') !== null) tf.removeBackend('tensorflow');
  for (const { kernelName } of tf.getKernelsForBackend('tensorflow')) tf.unregisterKernel(kernelName, 'tensorflow');
}

/** The package `webgpu` with an adapter that describes itself so, or with none. */
export function dawnStandIn(info: Partial<GPUAdapterInfo> | null): () => unknown {
  const adapter =
    info === null ? null : { info: { vendor: '', architecture: '', device: '', description: '', ...info } };
  const globals = { GPUBufferUsage: {}, GPUMapMode: {}, GPUShaderStage: {}, GPUTextureUsage: {}, GPUDevice: class {} };
  return () => ({ globals, create: () => ({ requestAdapter: () => Promise.resolve(adapter) }) });
}
