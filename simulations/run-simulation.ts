import { join } from 'node:path';
import type { Host } from '../server/host.ts';
import { RoundLines, type RoundLine } from '../server/run-folder/round-lines.ts';
import { RunFolder } from '../server/run-folder/run-folder.ts';
import { memoryBlobs, memoryStore } from '../server/store/memory.ts';
import { openStore } from '../server/store/open.ts';
import type { BlobStore, Store, StoredRound } from '../server/store/store.ts';
import { FederatedError } from '../shared/errors.ts';
import { runId, type RunId } from '../shared/ids.ts';
import { finalRunStates } from '../shared/states.ts';
import { tamperingOf } from './attacks/tampering.ts';
import { BegunTurns } from './begun-turns.ts';
import { Checkpoints } from './checkpoints.ts';
import { ClientLines } from './client-lines.ts';
import { clientStores, settleClients } from './client-stores.ts';
import { deviceTurn } from './devices.ts';
import type { SimulatedFederation } from './federation.ts';
import { measure } from './measure.ts';
import { driftMeasure } from './measures/drift.ts';
import { openMemoryFederation } from './memory-federation.ts';
import { TrainingPool } from './pool/pool.ts';
import { prepare, type Load, type Prepared } from './prepare.ts';
import { readFolder } from './reports/read-folder.ts';
import { writeReport } from './reports/write-report.ts';
import { resultOf, roundOf, type SimulatedRound, type SimulationResult } from './result.ts';
import { share, type SharedData } from './share.ts';
import type { SimulationOptions } from './simulate-options.ts';
import { checkSameRun, SimulationFolder } from './simulation-folder.ts';
import { openSocketFederation } from './socket-federation.ts';
import { Tries } from './tries.ts';

export interface RunHooks {
  readonly onRound: (round: SimulatedRound) => void;
  readonly signal: AbortSignal;
  /** Reads examples; default: from the registry. */
  readonly load?: Load;
  /** Everything is checked, and the run begins. */
  readonly onPrepared?: () => void;
  /** The words of the command that makes the run, for its report. */
  readonly command?: readonly string[];
}

export interface Ended {
  readonly result: SimulationResult;
  /** The last model, length d; null for a run that had ended before and was found in its folder. */
  readonly weights: Float32Array | null;
}

/** Everything that one simulation has open. */
interface Scene {
  readonly id: RunId;
  readonly prepared: Prepared;
  readonly data: SharedData;
  readonly pool: TrainingPool;
  readonly folder: SimulationFolder | null;
  readonly hooks: RunHooks;
}

/** Runs a simulation to its end, from where its folder says that it stood. */
export async function runSimulation(options: SimulationOptions, hooks: RunHooks): Promise<Ended> {
  const startedAt = performance.now();
  const seconds = (): number => (performance.now() - startedAt) / 1000;
  if (options.out !== undefined && (typeof options.out !== 'string' || options.out === '')) {
    throw new FederatedError('BAD_ARGUMENT', `out: expected a folder, got ${JSON.stringify(options.out)}`);
  }
  const folder = options.out === undefined ? null : await SimulationFolder.open(options.out);
  const prepared = await prepare(options, hooks.load);
  const here = { ...prepared.about, ...prepared.config };
  const there = (await folder?.config()) ?? null;
  if (there !== null) checkSameRun(folder!.path, there, here);
  const before = (await folder?.result<SimulationResult>()) ?? null;
  if (before !== null) return { result: before, weights: null };
  endIf(hooks.signal);
  hooks.onPrepared?.();
  const data = share(prepared);
  const { config, workers, backend } = prepared;
  const { train, test, aim } = data;
  const pool = await TrainingPool.open({ model: config.task.model, backend, train, test, aim }, workers);
  try {
    const id = runId(`${config.task.name.slice(0, 56)}-1`);
    const scene: Scene = { id, prepared, data, pool, folder, hooks };
    const { federation, close } = await open(scene);
    try {
      const before = await play(scene, federation);
      const view = await federation.operations.run(id);
      const rounds = await federation.operations.rounds(id);
      const weights = await federation.model(view.weights);
      const out = folder?.path ?? null;
      const since = federation.traffic();
      const traffic = { up: before.up + since.up, down: before.down + since.down };
      const rest = { traffic, seconds: before.seconds + seconds(), backend: pool.backend, out };
      const result = resultOf(prepared, view, rounds, rest);
      if (folder !== null) {
        const name = `round-${String(view.round).padStart(5, '0')}`;
        await folder.saveCheckpoint(name, { round: view.round, weights, config });
        await folder.saveResult(result);
        const { path: at } = folder;
        await writeReport(await readFolder(at), { out: join(at, 'report.html'), plots: join(at, 'plots') });
      }
      return { result, weights };
    } finally {
      await close();
    }
  } finally {
    await pool.close();
  }
}

function endIf(signal: AbortSignal): void {
  if (signal.aborted) throw new FederatedError('ABORTED', 'simulation: ended before its last round');
}

/** The federation, and the store under it. */
async function open(
  scene: Scene,
): Promise<{ readonly federation: SimulatedFederation; readonly close: () => Promise<void> }> {
  const { prepared, data, pool, folder } = scene;
  const { config, devices, days, transport, attack } = prepared;
  const { parts } = data;
  const { seed, clientsPerRound, clientFraction = 1 } = config;
  const cohort = clientsPerRound ?? Math.max(1, Math.round(clientFraction * parts.length));
  const tamper = tamperingOf(attack, { pool, parts, seed, plan: config.task.training, cohort });
  // Plain training carries nothing from round to round.
  const storeOf = clientStores(config.task.training.algorithm === undefined ? null : (folder?.path ?? null));
  const measureUpdates = prepared.drift ? { measureUpdates: driftMeasure() } : {};
  const common = { pool, parts, seed, tamper, storeOf, ...measureUpdates };
  if (transport === 'ws') {
    const measuring = measuringOf(scene);
    const federation = await openSocketFederation({
      ...common,
      dataDir: folder?.store ?? null,
      ...(measuring === null ? {} : { evaluate: measuring.evaluate }),
    });
    measuring?.follow(federation);
    return { federation, close: () => federation.close() };
  }
  const opened = folder === null ? inMemory() : await openStore(folder.store);
  try {
    const measuring = measuringOf(scene);
    const startAt = await timeOf(opened.store, config.retryDelay);
    const begun = await BegunTurns.in(opened.store, startAt);
    const [run] = await opened.store.runs();
    const tries = new Tries(run === undefined ? [] : await opened.store.rounds(run.id));
    const isAsynchronous = config.strategy.name === 'fedbuff';
    const federation = openMemoryFederation({
      ...common,
      store: opened.store,
      blobs: opened.blobs,
      days,
      startAt,
      isAsynchronous,
      device(client, { round, attempt: number }) {
        const attempt = isAsynchronous ? number : tries.of(round);
        const { from, to } = parts[client]!;
        const examples = (to - from) * config.task.training.localEpochs;
        return begun.rest(client, round, deviceTurn(devices, config.seed, { client, round, attempt }, examples));
      },
      ...(measuring === null ? {} : { evaluate: measuring.evaluate }),
    });
    measuring?.follow(federation);
    tries.follow(federation.events);
    return {
      federation,
      async close() {
        await federation.close();
        await opened.close();
      },
    };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

const inMemory = (): { store: Store; blobs: BlobStore; close: () => Promise<void> } => ({
  store: memoryStore(),
  blobs: memoryBlobs(),
  close: async () => {},
});

/** The virtual time at which a stored run stands: where its last attempt ended. */
async function timeOf(store: Store, retryDelay: number): Promise<number> {
  const [run] = await store.runs();
  const last = run === undefined ? undefined : (await store.rounds(run.id)).at(-1);
  if (last === undefined) return 0;
  return last.record.endedAt + (last.record.result === 'abandoned' ? retryDelay : 0);
}

/** Measures each round's model; null where there is nothing to measure it on. */
function measuringOf({ id, prepared, data, pool, folder }: Scene): {
  readonly evaluate: NonNullable<Host['evaluate']>;
  readonly follow: (federation: SimulatedFederation) => void;
} | null {
  const { test, tests, config } = prepared;
  if (test === null && tests === null) return null;
  let round: number | null = null;
  let around: SimulatedFederation | null = null;
  const personal = async (client: number, weights: Float32Array): Promise<Float32Array> =>
    (await around?.personal?.(client, id, config.task, weights)) ?? weights;
  return {
    follow(federation) {
      around = federation;
      federation.events.listen(({ type, data: { round: number, result } }) => {
        if (type === 'round' && result !== undefined && result !== 'abandoned') round = number as number;
      });
    },
    async evaluate(_, weights) {
      // Of the model that was just committed, or, after an interruption, of the newest that was stored.
      if (round === null) {
        round = (await around?.operations.run(id))?.round ?? 0;
        await folder?.forgetMeasures(round);
      }
      const measured = round;
      const at = { round, isLast: round >= config.rounds, personal };
      const { evaluation, clients } = await measure(pool, prepared, data, weights, at);
      folder?.appendClients(clients.map((each) => ({ round: measured, ...each })));
      await folder?.settled(); // before the store says that it was measured
      return evaluation;
    },
  };
}

/** What rounds have taken: bytes, and real seconds where they were written down. */
interface Spent {
  readonly up: number;
  readonly down: number;
  readonly seconds: number;
}

async function spentOn(rounds: readonly StoredRound[], folder: SimulationFolder | null): Promise<Spent> {
  const sum = (key: string): number => rounds.reduce((all, { metrics }) => all + (metrics[key] ?? 0), 0);
  return { up: sum('bytesUp'), down: sum('bytesDown'), seconds: (await folder?.secondsBefore()) ?? 0 };
}

/**
 * Begins the run, or takes it up again, and lets it come to its end.
 * @returns what had been spent before
 */
async function play({ id, prepared, folder, hooks }: Scene, federation: SimulatedFederation): Promise<Spent> {
  const { config, about } = prepared;
  const { events, operations } = federation;
  const [stored] = await operations.runs();
  const rounds = stored === undefined ? [] : await operations.rounds(id);
  if (stored !== undefined && folder !== null) await folder.keepOnly(rounds);
  const before = await spentOn(rounds, folder);
  const files =
    folder === null
      ? null
      : await RunFolder.open(folder.path, {
          run: id,
          operations: {
            config: async () => config,
            rounds: async () => rounds,
          },
          events,
          about,
          ...(hooks.command === undefined ? {} : { command: hooks.command }),
        });
  const checkpoints =
    folder === null ? null : new Checkpoints(folder, federation, { config, rounds, every: prepared.checkpointEvery });
  if (folder !== null) await settleClients(folder.path, rounds, prepared.lists.length);
  const lines = RoundLines.after(rounds);
  let last = performance.now();
  const emit = (all: readonly RoundLine[]): void => {
    for (const line of all) {
      const now = performance.now();
      const wallSeconds = Number(((now - last) / 1000).toFixed(3));
      last = now;
      const { round, attempt, result } = line;
      const which = attempt === undefined ? { round, result } : { round, attempt, result };
      folder?.appendTime({ ...which, 'time/wall': wallSeconds });
      hooks.onRound(roundOf(line, wallSeconds));
    }
  };
  const clients = new ClientLines(prepared.names);
  let state: string = stored?.state ?? '';
  events.listen((event) => {
    emit(lines.take(event));
    folder?.appendClients(clients.take(event));
    checkpoints?.take(event);
    if (event.type === 'run' && event.data['state'] !== undefined) state = event.data['state'] as string;
  });
  try {
    await federation.start();
    if (stored === undefined) await operations.create(config, id);
    else if (stored.state === 'paused') await operations.resume(id);
    await federation.play(
      () => hooks.signal.aborted || state === 'paused' || finalRunStates.some((final) => final === state),
    );
    emit(lines.end());
    endIf(hooks.signal);
    const view = await operations.run(id);
    if (view.state === 'finished') return before;
    const problem = federation.problem();
    const why = problem === null ? '' : `; client ${problem.client}: ${problem.message}`;
    throw new FederatedError(problem?.code ?? 'BAD_STATE', `simulation: ${view.reason ?? view.message}${why}`);
  } finally {
    await files?.close();
    await folder?.settled();
    await checkpoints?.settled();
  }
}
