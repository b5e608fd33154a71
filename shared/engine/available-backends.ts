import { asFederatedError } from '../errors.ts';
import type { ModelSpec } from '../tasks/model.ts';
import { autoOrder, isAccelerator, type BackendName } from './backends/names.ts';
import { runtime } from './backends/runtime.ts';
import { defaultTimeLimitMs, type BackendOptions } from './backends/start.ts';
import { withinTime } from './backends/time-limit.ts';
import { slowerThanWasm } from './comparison.ts';
import { openEngine, type EnginePath } from './open-engine.ts';
import { measureSpeed } from './speed.ts';

/** That of the task `mnist-2nn`, without the other tasks of the catalog, which a browser need not load for this. */
const model: ModelSpec = {
  input: [784],
  layers: [
    { type: 'dense', units: 200, activation: 'relu', useBias: true },
    { type: 'dense', units: 200, activation: 'relu', useBias: true },
    { type: 'dense', units: 10, activation: 'softmax', useBias: true },
  ],
  loss: 'sparse-categorical-crossentropy',
};

export interface BackendReport {
  readonly name: BackendName;
  /** Whether it started and passed its self-test. */
  readonly found: boolean;
  /** Name of its graphics card; null when it uses none, or none that says its name. */
  readonly adapter: string | null;
  /** How it would train `mnist-2nn`; null when not found. */
  readonly path: EnginePath | null;
  /** Why `auto` passes it over, or null. */
  readonly reason: string | null;
  /** Examples of the task `mnist-2nn` trained in a second, in batches of 10 (median); null when not found. */
  readonly examplesPerSecond: number | null;
}

/**
 * Tries every backend of this runtime, in the order of `auto`; takes a few seconds.
 * @param now - a clock in ms, such as `performance.now`
 */
export async function availableBackends(now: () => number, options: BackendOptions = {}): Promise<BackendReport[]> {
  const reports: BackendReport[] = [];
  for (const name of autoOrder[runtime()]) reports.push(await report(name, now, options));
  const wasmSpeed = reports.find(({ name }) => name === 'wasm')?.examplesPerSecond ?? 0;
  return reports.map((one) => {
    const { name, examplesPerSecond } = one;
    if (examplesPerSecond === null || !isAccelerator(name)) return one;
    return { ...one, reason: slowerThanWasm(name, examplesPerSecond, wasmSpeed) };
  });
}

async function report(name: BackendName, now: () => number, options: BackendOptions): Promise<BackendReport> {
  try {
    const { engine, device } = await openEngine(model, name, { ...options, allowSoftware: false });
    const { path } = engine;
    try {
      const { timeLimitMs = defaultTimeLimitMs } = options;
      const speed = measureSpeed(engine, model, now);
      const examplesPerSecond = await withinTime(speed, timeLimitMs, `backend ${name}: measuring it`);
      return { name, found: true, adapter: device.adapter, path, reason: null, examplesPerSecond };
    } finally {
      engine.dispose();
    }
  } catch (thrown) {
    const reason = asFederatedError(thrown).message;
    return { name, found: false, adapter: null, path: null, reason, examplesPerSecond: null };
  }
}
