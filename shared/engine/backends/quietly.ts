import type { TensorFlow } from './backend.ts';
import { nodeProcess } from './runtime.ts';

const faultEvents = ['uncaughtException', 'unhandledRejection'];

/**
 * Runs the start of a backend without its side effects on the program around it: TensorFlow.js prints a banner the first
 * time that its cpu backend is used in Node, and warnings when a second package registers its kernels (neither in
 * production mode), and the runtime of its WebAssembly file adds listeners that turn any uncaught exception of the program
 * into an exit of their own kind.
 */
export async function quietly<T>(tf: TensorFlow, run: () => Promise<T>): Promise<T> {
  const node = nodeProcess();
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
