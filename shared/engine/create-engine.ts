import { asFederatedError, FederatedError } from '../errors.ts';
import { initialWeights } from '../tasks/initial.ts';
import { tasks } from '../tasks/catalog.ts';
import type { ModelSpec } from '../tasks/model.ts';
import { backendNames, isBackendName, startBackend, type BackendName, type BackendOptions } from './backends.ts';
import type { Engine } from './engine.ts';
import { TfjsEngine } from './tfjs-engine.ts';

export interface EngineOptions extends BackendOptions {
  readonly model: ModelSpec;
  /** Default `auto`: the first of `backendNames` that starts and passes its self-test. */
  readonly backend?: string;
}

/**
 * An engine for a model, with all weights zero.
 * @throws FederatedError NO_BACKEND naming why each backend was refused; BAD_MODEL
 */
export async function createEngine({ model, backend = 'auto', ...options }: EngineOptions): Promise<Engine> {
  if (backend !== 'auto' && !isBackendName(backend)) {
    throw new FederatedError(
      'NO_BACKEND',
      `backend: no ${JSON.stringify(backend)}; known are auto, ${backendNames.join(', ')}`,
    );
  }
  const refusals: string[] = [];
  for (const name of backend === 'auto' ? backendNames : [backend]) {
    try {
      await startBackend(name, options);
    } catch (thrown) {
      refusals.push(asFederatedError(thrown).message);
      continue;
    }
    return new TfjsEngine(model, name);
  }
  throw new FederatedError('NO_BACKEND', `no backend can train here. ${refusals.join('; ')}`);
}

export interface BackendReport {
  readonly name: BackendName;
  readonly found: boolean;
  /** Why it was refused, or null. */
  readonly reason: string | null;
  /** Examples of the task `mnist-2nn` trained in a second, in batches of 10 (median step); null when refused. */
  readonly examplesPerSecond: number | null;
}

/**
 * Tries every backend; takes a second or so.
 * @param now - a clock in ms, such as `performance.now`
 */
export async function availableBackends(now: () => number, options: BackendOptions = {}): Promise<BackendReport[]> {
  const reports: BackendReport[] = [];
  for (const name of backendNames) {
    try {
      await startBackend(name, options);
      reports.push({ name, found: true, reason: null, examplesPerSecond: measureSpeed(name, now) });
    } catch (thrown) {
      reports.push({ name, found: false, reason: asFederatedError(thrown).message, examplesPerSecond: null });
    }
  }
  return reports;
}

function measureSpeed(name: BackendName, now: () => number): number {
  const { model } = tasks['mnist-2nn']!;
  const engine = new TfjsEngine(model, name);
  try {
    engine.setWeights(initialWeights(model, 0));
    const xs = Float32Array.from({ length: 10 * 784 }, (_, i) => ((i * 31) % 256) / 255);
    const batch = { xs, ys: Int32Array.from({ length: 10 }, (_, i) => i), count: 10 };
    const warmUp = 3;
    const times: number[] = [];
    for (let i = 0; i < warmUp + 15; i++) {
      const start = now();
      engine.step(batch, 0.01);
      if (i >= warmUp) times.push(now() - start);
    }
    return Math.round((batch.count * 1_000) / times.toSorted((a, b) => a - b)[times.length >> 1]!);
  } finally {
    engine.dispose();
  }
}
