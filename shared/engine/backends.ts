import * as tf from '@tensorflow/tfjs-core';
import { FederatedError } from '../errors.ts';
import { selfTest, selfTestModel } from './self-test.ts';
import { TfjsEngine } from './tfjs-engine.ts';

/** The backends in the order in which `auto` tries them. */
export const backendNames = ['wasm', 'cpu'] as const;
export type BackendName = (typeof backendNames)[number];
export const isBackendName = (name: string): name is BackendName => (backendNames as readonly string[]).includes(name);

export interface BackendOptions {
  /**
   * Folder (ending in `/`) of the files `tfjs-backend-wasm*.wasm`. Browsers need it, since only the page knows where they
   * are served; Node finds them in the package.
   */
  readonly wasmPath?: string;
}

const load: Record<BackendName, (options: BackendOptions) => Promise<void>> = {
  async wasm({ wasmPath }) {
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    if (wasmPath !== undefined) setWasmPaths(wasmPath);
  },
  async cpu() {
    await import('@tensorflow/tfjs-backend-cpu');
  },
};

const started = new Set<BackendName>();
let queue: Promise<unknown> = Promise.resolve();

/**
 * Loads and starts a backend and tests that it trains rightly; at once when that is already done.
 * @throws FederatedError NO_BACKEND saying what is wrong with it
 */
export function startBackend(name: BackendName, options: BackendOptions): Promise<void> {
  // One after the other: TensorFlow.js has one current backend, and starting one takes several turns.
  const result = queue.then(async () => {
    if (started.has(name)) return;
    await quietly(() => start(name, options));
    started.add(name);
  });
  queue = result.catch(() => {});
  return result;
}

async function start(name: BackendName, options: BackendOptions): Promise<void> {
  let reason: string | null;
  try {
    await load[name](options);
    if (!(await tf.setBackend(name))) {
      await tf.findBackendFactory(name)(); // throws the reason, which setBackend only prints
      throw new Error('it did not start');
    }
    await tf.setBackend(name); // once more: the first call may have come to its end in the middle of another's
    const engine = new TfjsEngine(selfTestModel, name);
    reason = selfTest(engine);
    engine.dispose();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new FederatedError('NO_BACKEND', `backend ${name}: ${message.split('\n', 1)[0]}`, { cause });
  }
  if (reason !== null) throw new FederatedError('NO_BACKEND', `backend ${name}: ${reason}`);
}

/** The part of Node's `process` that is needed here; absent in browsers. */
interface NodeProcess {
  listeners(event: string): readonly ((...args: never[]) => void)[];
  off(event: string, listener: (...args: never[]) => void): void;
}
const faultEvents = ['uncaughtException', 'unhandledRejection'];

/**
 * Runs the start of a backend without its side effects on the program around it: TensorFlow.js prints a banner the first
 * time that its cpu backend is used in Node (not in production mode), and the runtime of its WebAssembly file adds
 * listeners that turn any uncaught exception of the program into an exit of their own kind.
 */
async function quietly<T>(run: () => Promise<T>): Promise<T> {
  const process = (globalThis as { readonly process?: unknown }).process as Partial<NodeProcess> | undefined;
  const node = process?.listeners === undefined ? undefined : (process as NodeProcess);
  const before = new Set(faultEvents.flatMap((event) => node?.listeners(event) ?? []));
  const wasProduction = tf.env().getBool('PROD');
  tf.env().set('PROD', true);
  try {
    return await run();
  } finally {
    tf.env().set('PROD', wasProduction);
    for (const event of faultEvents) {
      for (const listener of node?.listeners(event) ?? []) {
        const isEmscripten = /ExitStatus|throw reason/.test(String(listener));
        if (!before.has(listener) && isEmscripten) node?.off(event, listener);
      }
    }
  }
}
