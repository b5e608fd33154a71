import type { ImportModule } from './import-module.ts';
import type { BackendName } from './names.ts';
import type { Runtime } from './runtime.ts';

/** TensorFlow.js as it was loaded: one per process or page, whoever imports it. */
export type TensorFlow = typeof import('./tensorflow.ts');

/** What a backend computes with. */
export interface Device {
  /** Name of the graphics card; null when there is none, or it does not say. */
  readonly adapter: string | null;
  /** Whether software imitates a graphics card: right, but far slower than `wasm`. */
  readonly isSoftware: boolean;
}

/** A processor, by code made for it. */
export const processor: Device = { adapter: null, isSoftware: false };

export interface LoadContext {
  readonly importModule: ImportModule;
  /** Folder of TensorFlow.js's WebAssembly files, see `BackendOptions`. */
  readonly wasmPath?: string | undefined;
  /** Whether a device imitated by software will do, since the backend was asked for by its name. */
  readonly allowSoftware: boolean;
}

/** A way to run TensorFlow.js operations. */
export interface Backend {
  readonly name: BackendName;
  /** The name under which TensorFlow.js knows it. */
  readonly registeredAs: string;
  readonly runtimes: readonly Runtime[];
  /**
   * Finds the device, and only when there is one imports what registers the backend with TensorFlow.js: a program that the
   * fused path serves never loads TensorFlow.js.
   * @throws FederatedError NO_BACKEND saying why it cannot be had, or whatever a package throws as it loads
   */
  load(context: LoadContext): Promise<Device>;
  /**
   * What can only be found or done once the backend is TensorFlow.js's current one.
   * @throws as `load`
   */
  started?(tf: TensorFlow): Promise<Device | undefined>;
}
