import { FederatedError } from '../../errors.ts';
import type { Backend, Device, LoadContext } from './backend.ts';
import { openDawn, withNavigatorGpu } from './dawn.ts';
import { runtime } from './runtime.ts';
import { checkHardware, isSoftwareRenderer } from './software.ts';

/** WebGPU: in browsers that have it, and in Node by the package `webgpu`. */
export const webgpu: Backend = {
  name: 'webgpu',
  registeredAs: 'webgpu',
  runtimes: ['node', 'browser'],
  async load(context) {
    if (runtime() === 'browser') {
      const { gpu } = navigator as { readonly gpu?: GPU };
      if (gpu === undefined) {
        throw new FederatedError('NO_BACKEND', 'this browser has no WebGPU, or the page is not served over HTTPS');
      }
      return startOn(gpu, context);
    }
    const gpu = await openDawn(context.importModule);
    return withNavigatorGpu(gpu, () => startOn(gpu, context));
  },
};

/** Starts it here, since TensorFlow.js looks for `navigator.gpu` both when it is imported and when it starts. */
async function startOn(gpu: GPU, { importModule, allowSoftware }: LoadContext): Promise<Device> {
  const device = checkHardware(await describe(gpu), allowSoftware);
  await importModule('@tensorflow/tfjs-backend-webgpu');
  const tf = await import('./tensorflow.ts');
  await tf.setBackend('webgpu');
  return device;
}

async function describe(gpu: GPU): Promise<Device> {
  const found = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (found === null) throw new FederatedError('NO_BACKEND', 'WebGPU finds no graphics card that it can use');
  const { vendor, architecture, device, description, isFallbackAdapter } = found.info;
  const names = [description, vendor, architecture, device].filter((name) => name !== '');
  // Google makes no graphics cards, but SwiftShader.
  const isSoftware = isFallbackAdapter || vendor === 'google' || isSoftwareRenderer(names.join(' '));
  return { adapter: names.slice(0, 2).join(', ') || null, isSoftware };
}
