import { FederatedError } from '../errors.ts';
import { canonicalJson } from '../tasks/task.ts';
import { layoutSize } from '../weights.ts';
import type { ModelSpec } from '../tasks/model.ts';
import { importModule } from './backends/import-module.ts';
import type { BackendName } from './backends/names.ts';
import { defaultTimeLimitMs } from './backends/start.ts';
import { withinTime } from './backends/time-limit.ts';
import type { Engine } from './engine.ts';
import { openEngine, type OpenOptions } from './open-engine.ts';
import { measureSpeed } from './speed.ts';

/** The sentence for a backend that is no gain, or null when it is one. Speeds in examples a second. */
export const slowerThanWasm = (name: BackendName, speed: number, wasmSpeed: number): string | null =>
  speed > wasmSpeed
    ? null
    : `backend ${name}: it is slower than wasm for this model, ${speed} against ${wasmSpeed} examples a second; ` +
      'it is used when it is asked for by its name';

/** What was found for each way of importing, model and backend: comparing takes up to a few seconds. */
const found = new WeakMap<object, Map<string, Promise<string | null>>>();

/**
 * Why a backend's engine is no gain over `wasm` on this machine, from a short measurement of both; null when it is one, or
 * when there is no `wasm` here. Leaves the engine's weights zero.
 * @param now - a clock in ms
 * @throws whatever the engine throws as it trains; FederatedError NO_BACKEND when it takes too long
 */
export function whyNotFaster(
  engine: Engine,
  model: ModelSpec,
  name: BackendName,
  options: OpenOptions,
  now: () => number,
): Promise<string | null> {
  const importer = options.importModule ?? importModule;
  const results = found.get(importer) ?? new Map<string, Promise<string | null>>();
  found.set(importer, results);
  const key = canonicalJson({ name, path: options.path, model });
  const known = results.get(key) ?? compare(engine, model, name, options, now);
  results.set(key, known);
  return known;
}

async function compare(
  engine: Engine,
  model: ModelSpec,
  name: BackendName,
  options: OpenOptions,
  now: () => number,
): Promise<string | null> {
  let wasm: Engine;
  try {
    wasm = (await openEngine(model, 'wasm', options)).engine;
  } catch (thrown) {
    if (thrown instanceof FederatedError && thrown.code === 'NO_BACKEND') return null;
    throw thrown;
  }
  try {
    const { timeLimitMs = defaultTimeLimitMs } = options;
    const speed = await withinTime(measureSpeed(engine, model, now), timeLimitMs, `backend ${name}: measuring it`);
    const reason = slowerThanWasm(name, speed, await measureSpeed(wasm, model, now));
    engine.setWeights(new Float32Array(layoutSize(engine.layout)));
    return reason;
  } finally {
    wasm.dispose();
  }
}
