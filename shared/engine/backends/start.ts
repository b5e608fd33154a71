import { FederatedError } from '../../errors.ts';
import { selfTest } from '../self-test.ts';
import type { Backend, Device, LoadContext, TensorFlow } from './backend.ts';
import { cpu } from './cpu.ts';
import { explain } from './explain.ts';
import { importModule as importPackage, type ImportModule } from './import-module.ts';
import type { BackendName } from './names.ts';
import { quietly } from './quietly.ts';
import { runtime } from './runtime.ts';
import { checkHardware } from './software.ts';
import { tfjsNode, tfjsNodeGpu } from './tfjs-node.ts';
import { withinTime } from './time-limit.ts';
import { wasm } from './wasm.ts';
import { webgl } from './webgl.ts';
import { webgpu } from './webgpu.ts';

export interface BackendOptions {
  /**
   * Folder (ending in `/`) of the files `tfjs-backend-wasm*.wasm`. Browsers need it for TensorFlow.js on wasm, which serves
   * where the fused path does not run (WebAssembly without SIMD): only the page knows where they are. Node finds them itself.
   */
  readonly wasmPath?: string;
  /** How long one backend may take to start and pass its self-test; default 20 s. */
  readonly timeLimitMs?: number;
  /** How optional packages are imported; default: by `import()`. */
  readonly importModule?: ImportModule;
}

export const defaultTimeLimitMs = 20_000;

const backends: Readonly<Record<BackendName, Backend>> = {
  'tfjs-node-gpu': tfjsNodeGpu,
  'tfjs-node': tfjsNode,
  webgpu,
  webgl,
  wasm,
  cpu,
};

/** The name under which TensorFlow.js knows a backend. */
export const registeredName = (name: BackendName): string => backends[name].registeredAs;

/** What became of each backend, for one way of importing. A refusal lasts: neither packages nor drivers come overnight. */
type Outcomes = Map<string, Device | FederatedError>;
const known = new WeakMap<ImportModule, Outcomes>();
let queue: Promise<unknown> = Promise.resolve();

/**
 * Loads and starts a backend and tests that it trains rightly; at once when that is already done.
 * @param allowSoftware - whether a graphics card imitated by software will do; default true
 * @throws FederatedError NO_BACKEND saying what is wrong with it
 */
export function startBackend(name: BackendName, options: BackendOptions = {}, allowSoftware = true): Promise<Device> {
  const { importModule = importPackage, wasmPath, timeLimitMs = defaultTimeLimitMs } = options;
  const outcomes: Outcomes = known.get(importModule) ?? new Map<string, Device | FederatedError>();
  known.set(importModule, outcomes);
  const refusal = `${name} refused${allowSoftware ? '' : ' as hardware'}`;
  // One after the other: TensorFlow.js has one current backend, and starting one takes several turns.
  const result = queue.then(async () => {
    try {
      const outcome = outcomes.get(refusal) ?? outcomes.get(name);
      if (outcome instanceof FederatedError) throw outcome;
      if (outcome !== undefined) return checkHardware(outcome, allowSoftware);
      const device = await start(backends[name], { importModule, wasmPath, allowSoftware }, timeLimitMs);
      outcomes.set(name, device);
      return device;
    } catch (cause) {
      const error = asRefusal(name, cause);
      if (name !== 'wasm') outcomes.set(refusal, error); // another call may have another path to its files
      throw error;
    }
  });
  queue = result.catch(() => {});
  return result;
}

/** One error for all that can go wrong with a backend, made once. */
function asRefusal(name: BackendName, cause: unknown): FederatedError {
  const isMade = cause instanceof FederatedError && cause.message.startsWith(`backend ${name}: `);
  return isMade ? cause : new FederatedError('NO_BACKEND', `backend ${name}: ${explain(cause)}`, { cause });
}

async function start(backend: Backend, context: LoadContext, timeLimitMs: number): Promise<Device> {
  if (!backend.runtimes.includes(runtime())) {
    const needed = backend.runtimes.includes('node') ? 'Node' : 'a browser';
    throw new FederatedError('NO_BACKEND', `it needs ${needed}`);
  }
  const found = await withinTime(backend.load(context), timeLimitMs, 'loading it');
  const [tf, { GraphEngine }] = await Promise.all([import('./tensorflow.ts'), import('../graph/graph-engine.ts')]);
  const { registeredAs } = backend;
  const work = async (): Promise<Device> => {
    await makeCurrent(tf, registeredAs);
    const device = (await backend.started?.(tf)) ?? found;
    const reason = await selfTest((model) => new GraphEngine(model, registeredAs));
    if (reason === null) return device;
    throw new FederatedError('NO_BACKEND', reason);
  };
  try {
    return await quietly(tf, () => withinTime(work(), timeLimitMs, 'starting it'));
  } catch (thrown) {
    if (registeredAs === 'tensorflow') unregister(tf, registeredAs);
    throw thrown;
  }
}

/** The two packages of tfjs-node have one name in TensorFlow.js: after one was refused, the other is to register its own. */
function unregister(tf: TensorFlow, registeredAs: string): void {
  if (tf.findBackendFactory(registeredAs) !== null) tf.removeBackend(registeredAs);
  for (const { kernelName } of tf.getKernelsForBackend(registeredAs)) tf.unregisterKernel(kernelName, registeredAs);
}

async function makeCurrent(tf: TensorFlow, name: string): Promise<void> {
  if (!(await tf.setBackend(name))) {
    await tf.findBackendFactory(name)(); // throws the reason, which setBackend only prints
    throw new FederatedError('NO_BACKEND', 'it did not start');
  }
  await tf.setBackend(name); // once more: the first call may have come to its end in the middle of another's
}
