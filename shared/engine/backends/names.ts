import type { Runtime } from './runtime.ts';

/** Every backend, whichever runtime has it. */
export const backendNames = ['tfjs-node-gpu', 'tfjs-node', 'webgpu', 'webgl', 'wasm', 'cpu'] as const;
export type BackendName = (typeof backendNames)[number];
export const isBackendName = (name: string): name is BackendName => (backendNames as readonly string[]).includes(name);

/** What `auto` tries in each runtime, the most promising first. The last two run everywhere. */
export const autoOrder: Readonly<Record<Runtime, readonly BackendName[]>> = {
  node: ['tfjs-node-gpu', 'tfjs-node', 'webgpu', 'wasm', 'cpu'],
  browser: ['webgpu', 'webgl', 'wasm', 'cpu'],
};

/** Those that are only worth having when they are faster than `wasm`. */
export const isAccelerator = (name: BackendName): boolean => name !== 'wasm' && name !== 'cpu';
