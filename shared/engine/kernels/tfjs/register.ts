import { getKernel, registerKernel, unregisterKernel, type KernelFunc } from '@tensorflow/tfjs-core';
import { convolutionGradients } from './convolution-gradients.ts';
import { convolutionKernels } from './convolutions.ts';
import { copyKernels } from './copies.ts';
import { depthwiseKernels } from './depthwise.ts';
import { einsumKernels } from './einsum.ts';
import { attachKernels, type WasmBackend } from './heap.ts';
import type { NamedKernel } from './kernel.ts';
import { lookUpKernels } from './look-ups.ts';
import { poolKernels } from './pools.ts';
import { productKernels } from './products.ts';
import { sumKernels } from './sums.ts';

/** What the wasm backend needs for training: kernels that it lacks, and faster or more exact ones than it has. */
const trainingKernels: readonly NamedKernel[] = [
  ...productKernels,
  ...convolutionKernels,
  ...convolutionGradients,
  ...depthwiseKernels,
  ...poolKernels,
  ...lookUpKernels,
  ...sumKernels,
  ...copyKernels,
  ...einsumKernels,
];

/** Ours among the registered kernels; the registry is one for all instances of the backend. */
const ours = new Map<string, KernelFunc>();

/**
 * Makes the wasm backend of TensorFlow.js 4.22 able to train, and fast: registers our kernels, over stock ones too, and
 * gives this instance of the backend its own. Call it after `setBackend('wasm')`; a second call does nothing.
 * @param backend - what `tf.backend()` gives
 * @throws FederatedError NO_BACKEND when it is another backend, its threaded build, or SIMD is missing; then nothing changes
 */
export async function registerTrainingKernels(backend: unknown): Promise<void> {
  await attachKernels(backend as WasmBackend);
  for (const { name: kernelName, over } of trainingKernels) {
    const stock = getKernel(kernelName, 'wasm');
    if (stock !== undefined && ours.get(kernelName) === stock.kernelFunc) continue;
    if (stock !== undefined) unregisterKernel(kernelName, 'wasm');
    const kernelFunc = over(stock?.kernelFunc);
    // What a stock kernel sets up for a new instance of the backend, it needs where ours leaves work to it.
    registerKernel({ ...stock, kernelName, backendName: 'wasm', kernelFunc });
    ours.set(kernelName, kernelFunc);
  }
}
