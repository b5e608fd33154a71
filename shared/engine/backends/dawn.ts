import { FederatedError } from '../../errors.ts';
import type { ImportModule } from './import-module.ts';
import { nodeProcess, type NodeProcess } from './runtime.ts';

/** What the npm package `webgpu` offers: Dawn, Chromium's WebGPU, as an addon for Node. */
interface DawnModule {
  create(flags: string[]): GPU;
  readonly globals: Readonly<Record<string, unknown>>;
}

/** The constants and classes that TensorFlow.js reads from the global scope as it runs. */
const neededGlobals = ['GPUBuffer', 'GPUBufferUsage', 'GPUMapMode', 'GPUTexture', 'GPUTextureUsage'] as const;

/** Kept for the life of the process: it crashes when one is collected as garbage while a device of it is in use. */
const kept = new Set<GPU>();

/**
 * WebGPU in Node; puts into the global scope what belongs to it.
 * @throws FederatedError NO_BACKEND when there is no Vulkan to build on; whatever the package throws as it loads
 */
export async function openDawn(importModule: ImportModule): Promise<GPU> {
  const { create, globals } = (await importModule('webgpu')) as DawnModule;
  const process = nodeProcess();
  if (process?.platform === 'linux') checkVulkan(process);
  for (const name of neededGlobals) {
    if (name in globalThis) continue;
    Object.defineProperty(globalThis, name, { value: globals[name], configurable: true, writable: true });
  }
  const gpu = create([]);
  kept.add(gpu);
  return gpu;
}

/** Dawn itself prints a warning to the terminal where the library is missing, so it is looked for first. */
function checkVulkan(process: NodeProcess): void {
  try {
    process.dlopen({ exports: {} }, 'libvulkan.so.1');
  } catch (thrown) {
    // A library that is there loads, and is then found to be no addon of Node.
    if (!String(thrown).includes('cannot open shared object')) return;
    throw new FederatedError(
      'NO_BACKEND',
      "there is no Vulkan here: libvulkan.so.1 is missing; install it (Debian: libvulkan1) and the graphics card's driver",
    );
  }
}

/**
 * Runs something with `navigator.gpu` set, where TensorFlow.js looks for WebGPU, and takes it away again: other code takes
 * a `navigator` for the sign of a browser.
 */
export async function withNavigatorGpu<T>(gpu: GPU, run: () => Promise<T>): Promise<T> {
  const { navigator } = globalThis as { readonly navigator?: object };
  const target = navigator ?? { userAgent: 'node' };
  const before = Object.getOwnPropertyDescriptor(target, 'gpu'); // another library may have put one there
  if (navigator === undefined) Object.defineProperty(globalThis, 'navigator', { value: target, configurable: true });
  Object.defineProperty(target, 'gpu', { value: gpu, configurable: true });
  try {
    return await run();
  } finally {
    if (navigator === undefined) Reflect.deleteProperty(globalThis, 'navigator');
    else if (before === undefined) Reflect.deleteProperty(target, 'gpu');
    else Object.defineProperty(target, 'gpu', before);
  }
}
