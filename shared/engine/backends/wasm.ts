import { processor, type Backend } from './backend.ts';

/** WebAssembly with SIMD, completed and made faster for training by our kernels. Runs everywhere. */
export const wasm: Backend = {
  name: 'wasm',
  registeredAs: 'wasm',
  runtimes: ['node', 'browser'],
  async load({ wasmPath }) {
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    const tf = await import('./tensorflow.ts');
    if (wasmPath !== undefined) setWasmPaths(wasmPath);
    // Pages that are cross-origin isolated would get the build with threads, whose memory our kernels cannot share.
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
    return processor;
  },
  async started(tf) {
    const { registerTrainingKernels } = await import('../kernels/tfjs/register.ts');
    await registerTrainingKernels(tf.findBackend('wasm'));
    return undefined;
  },
};
