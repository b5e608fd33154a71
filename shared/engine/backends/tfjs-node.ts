import { FederatedError } from '../../errors.ts';
import { processor, type Backend, type LoadContext } from './backend.ts';
import type { BackendName } from './names.ts';
import { nodeProcess } from './runtime.ts';

/**
 * Functions of `node:util` that went away in Node 23. tfjs-node 4.22.0, its last version, still calls them whenever it makes
 * a tensor (https://github.com/tensorflow/tfjs/issues/8609), so they are put back where they are missing.
 */
function mendUtil(): void {
  const util = nodeProcess()?.getBuiltinModule?.('util') as Record<string, unknown> | undefined;
  if (util === undefined) return;
  util['isNullOrUndefined'] ??= (value: unknown): boolean => value === null || value === undefined;
  util['isArray'] ??= Array.isArray;
}

/** The part of tfjs-node's backend that is needed here. */
interface NativeBackend {
  readonly isUsingGpuDevice?: boolean;
}

const registeredAs = 'tensorflow';

const native = (name: BackendName): Pick<Backend, 'name' | 'registeredAs' | 'runtimes' | 'load'> => ({
  name,
  registeredAs,
  runtimes: ['node'],
  async load({ importModule }: LoadContext) {
    mendUtil();
    await importModule(`@tensorflow/${name}`);
    const tf = await import('./tensorflow.ts');
    if (tf.findBackendFactory(registeredAs) !== null) return processor;
    throw new FederatedError(
      'NO_BACKEND',
      `the package @tensorflow/${name} has loaded, but offers no backend to TensorFlow.js ${tf.version_core}; ` +
        'install the same version of it',
    );
  },
});

/** TensorFlow's own library on the processor. */
export const tfjsNode: Backend = native('tfjs-node');

/** TensorFlow's own library on a graphics card of NVIDIA. */
export const tfjsNodeGpu: Backend = {
  ...native('tfjs-node-gpu'),
  async started(tf) {
    const { isUsingGpuDevice } = tf.findBackend(registeredAs) as unknown as NativeBackend;
    if (isUsingGpuDevice === true) return { adapter: 'CUDA device', isSoftware: false };
    // It falls back to the processor without a word when a library of CUDA is missing.
    throw new FederatedError(
      'NO_BACKEND',
      'the package @tensorflow/tfjs-node-gpu has loaded, but finds no graphics card; it needs the driver of NVIDIA, ' +
        'CUDA 11.2 and cuDNN 8.1',
    );
  },
};
