import { FederatedError } from '../errors.ts';
import type { ModelSpec } from '../tasks/model.ts';
import { processor, type Device } from './backends/backend.ts';
import type { BackendName } from './backends/names.ts';
import { registeredName, startBackend, type BackendOptions } from './backends/start.ts';
import type { Engine } from './engine.ts';
import { selfTest } from './self-test.ts';

/** `fused`: our kernels over one arena, without TensorFlow.js; `graph`: TensorFlow.js operations. */
export type EnginePath = 'fused' | 'graph';

export interface OpenOptions extends BackendOptions {
  /** Default: `fused` where the backend is `wasm`. */
  readonly path?: EnginePath;
  /** Default true. */
  readonly allowSoftware?: boolean;
}

export interface Opened {
  readonly engine: Engine;
  readonly device: Device;
}

/**
 * An engine on one backend, with all weights zero. TensorFlow.js is imported only for other backends and the graph.
 * @throws FederatedError NO_BACKEND saying why it cannot be had here; BAD_MODEL
 */
export async function openEngine(model: ModelSpec, name: BackendName, options: OpenOptions = {}): Promise<Opened> {
  const { path, allowSoftware, ...rest } = options;
  if (path === 'fused' && name !== 'wasm') {
    throw new FederatedError('NO_BACKEND', `backend ${name}: it has no fused path; only wasm has`);
  }
  if (name === 'wasm' && path !== 'graph') {
    const reason = await whyNotFused();
    if (reason === null) return { engine: await openFused(model), device: processor };
    if (path === 'fused') throw new FederatedError('NO_BACKEND', `backend wasm: no fused path: ${reason}`);
  }
  const device = await startBackend(name, rest, allowSoftware);
  const { GraphEngine } = await import('./graph/graph-engine.ts');
  return { engine: new GraphEngine(model, registeredName(name), name), device };
}

let tested: Promise<string | null> | undefined;

/** Why the fused path does not run here, or null. */
const whyNotFused = (): Promise<string | null> =>
  (tested ??= selfTest(openFused).catch((thrown: unknown) =>
    thrown instanceof Error ? thrown.message : String(thrown),
  ));

async function openFused(model: ModelSpec): Promise<Engine> {
  const { FusedEngine } = await import('./fused/fused-engine.ts');
  return FusedEngine.create(model);
}
