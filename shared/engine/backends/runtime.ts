/** Where the code runs. Deno and Bun, which offer Node's `process`, count as Node. */
export type Runtime = 'node' | 'browser';

/** The part of Node's `process` that is needed here; absent in browsers. */
export interface NodeProcess {
  readonly platform: string;
  listeners(event: string): readonly ((...args: never[]) => void)[];
  off(event: string, listener: (...args: never[]) => void): void;
  /** A module of Node by its name, without an import that a bundler for browsers would stumble over. */
  getBuiltinModule?(name: string): unknown;
  dlopen(module: object, file: string): void;
}

/** Node's `process`, or undefined in a browser (bundlers put in an imitation that names no version of Node). */
export function nodeProcess(): NodeProcess | undefined {
  const { process } = globalThis as { readonly process?: { readonly versions?: { readonly node?: string } } };
  return process?.versions?.node === undefined ? undefined : (process as unknown as NodeProcess);
}

export const runtime = (): Runtime => (nodeProcess() === undefined ? 'browser' : 'node');
