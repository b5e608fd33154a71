import { asFederatedError, FederatedError } from '../errors.ts';
import type { ModelSpec } from '../tasks/model.ts';
import { autoOrder, backendNames, isAccelerator, isBackendName, type BackendName } from './backends/names.ts';
import { runtime } from './backends/runtime.ts';
import type { BackendOptions } from './backends/start.ts';
import { whyNotFaster } from './comparison.ts';
import type { Engine } from './engine.ts';
import { openEngine, type EnginePath } from './open-engine.ts';

export interface EngineOptions extends BackendOptions {
  readonly model: ModelSpec;
  /**
   * Default `auto`: the first of `autoOrder` that starts, passes its self-test and, for all but `wasm` and `cpu`, is no
   * software imitation and trains this model faster than `wasm` does. A backend's own name takes that one, whatever it is.
   */
  readonly backend?: string;
  /** Default: `fused` where the backend allows it. */
  readonly path?: EnginePath;
  /** A clock in ms, for the comparison with `wasm`; default `performance.now`. */
  readonly now?: () => number;
  /** Told of each backend that `auto` passes over. @param reason - a sentence that names the backend */
  readonly onRefusal?: (name: BackendName, reason: string) => void;
}

/**
 * An engine for a model, with all weights zero.
 * @throws FederatedError NO_BACKEND naming why each backend was refused; BAD_MODEL
 */
export async function createEngine({
  model,
  backend = 'auto',
  now = () => performance.now(),
  onRefusal,
  ...options
}: EngineOptions): Promise<Engine> {
  if (backend !== 'auto') {
    if (isBackendName(backend)) return (await openEngine(model, backend, options)).engine;
    throw new FederatedError(
      'NO_BACKEND',
      `backend: no ${JSON.stringify(backend)}; known are auto, ${backendNames.join(', ')}`,
    );
  }
  const refusals: string[] = [];
  const refuse = (name: BackendName, reason: string): void => {
    refusals.push(reason);
    onRefusal?.(name, reason);
  };
  for (const name of autoOrder[runtime()]) {
    if (options.path === 'fused' && name !== 'wasm') continue;
    let engine: Engine | undefined;
    try {
      ({ engine } = await openEngine(model, name, { ...options, allowSoftware: false }));
      const reason = isAccelerator(name) ? await whyNotFaster(engine, model, name, options, now) : null;
      if (reason === null) return engine;
      engine.dispose();
      refuse(name, reason);
    } catch (thrown) {
      engine?.dispose();
      const error = asFederatedError(thrown);
      if (error.code === 'BAD_MODEL') throw error; // no backend could have it
      refuse(name, error.message);
    }
  }
  throw new FederatedError('NO_BACKEND', `no backend can train here. ${refusals.join('; ')}`);
}
