import { Queue } from '../client/queue.ts';
import { RoundLines, type RoundLine } from '../server/round-lines.ts';
import { memoryBlobs, memoryStore } from '../server/store/memory.ts';
import { FederatedError } from '../shared/errors.ts';
import type { Sha256 } from '../shared/ids.ts';
import { finalRunStates } from '../shared/states.ts';
import { deviceTurn } from './devices.ts';
import type { SimulatedFederation } from './federation.ts';
import { openMemoryFederation } from './memory-federation.ts';
import { TrainingPool } from './pool/pool.ts';
import { prepare, type Prepared } from './prepare.ts';
import type { SimulationOptions } from './simulate-options.ts';

export type { SimulationOptions } from './simulate-options.ts';

/** A round that has ended. */
export interface SimulatedRound {
  readonly round: number;
  readonly result: 'done' | 'short' | 'abandoned';
  /** Central evaluation; null where the round was not measured. */
  readonly accuracy: number | null;
  readonly loss: number | null;
  /** Everything measured: its line in `metrics.jsonl`. */
  readonly metrics: RoundLine;
}

/** How a simulation ended. */
export interface SimulationResult {
  readonly run: string;
  readonly task: string;
  readonly strategy: string;
  readonly seed: number;
  readonly data: string;
  readonly partition: string;
  readonly clients: number;
  /** Committed. */
  readonly rounds: number;
  /** The first round that reached `targetAccuracy`, or null. */
  readonly roundsToTarget: number | null;
  readonly targetAccuracy: number | null;
  /** Of the last round that was measured. */
  readonly accuracy: number | null;
  readonly loss: number | null;
  /** Reports that were counted, over all rounds. */
  readonly reports: number;
  /** Updates and models; with sockets everything that went over them. */
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Real time. */
  readonly seconds: number;
  /** Time in the simulated world; null where that is real time too. */
  readonly virtualSeconds: number | null;
  readonly backend: string;
  readonly workers: number;
  readonly transport: string;
  readonly weightsSha256: Sha256;
  readonly out: string | null;
  readonly epsilon: null;
  readonly secureAggregation: boolean;
}

/** A simulation: iterate over its rounds, or await its result. It begins with whichever comes first. */
export interface Simulation extends AsyncIterable<SimulatedRound> {
  /** @throws FederatedError for what cannot be simulated, and when it cannot go on */
  readonly result: Promise<SimulationResult>;
}

/**
 * Many clients on one machine: the coordinator, the sessions and the pipeline of a deployment, with a pool of threads that train.
 * The same options with the same seed give the same model to the last bit, with any number of workers and on every transport.
 *
 * ```ts
 * for await (const { round, accuracy } of simulate({ task: 'mnist-2nn', clients: 100, clientsPerRound: 10, rounds: 20 })) {
 *   console.log(round, accuracy)
 * }
 * ```
 * Leaving the loop ends the simulation.
 */
export function simulate(options: SimulationOptions): Simulation {
  const rounds = new Queue<SimulatedRound>();
  const left = new AbortController();
  const { signal } = options;
  let running: Promise<SimulationResult> | null = null;
  const start = (): Promise<SimulationResult> => {
    running ??= run(
      options,
      (round) => rounds.push(round),
      signal === undefined ? left.signal : AbortSignal.any([signal, left.signal]),
    );
    running.then(
      () => rounds.end(),
      (error: unknown) => rounds.fail(error),
    );
    return running;
  };
  return {
    get result() {
      return start();
    },
    async *[Symbol.asyncIterator]() {
      const running = start();
      running.catch(() => {}); // the queue throws it
      try {
        yield* rounds;
      } finally {
        left.abort();
        await running.catch(() => {}); // everything is closed then
      }
    },
  };
}

async function run(
  options: SimulationOptions,
  onRound: (round: SimulatedRound) => void,
  signal: AbortSignal,
): Promise<SimulationResult> {
  const startedAt = performance.now();
  const prepared = await prepare(options);
  signal.throwIfAborted();
  const { train, test, config, workers, backend } = prepared;
  const pool = await TrainingPool.open({ model: config.task.model, backend, train, test }, workers);
  try {
    const federation = await open(prepared, pool);
    try {
      return await play(prepared, { federation, pool, onRound, signal, startedAt });
    } finally {
      await federation.close();
    }
  } finally {
    await pool.close();
  }
}

async function open(prepared: Prepared, pool: TrainingPool): Promise<SimulatedFederation> {
  const { config, parts, test, devices } = prepared;
  const { localEpochs } = config.task.training;
  return openMemoryFederation({
    pool,
    parts,
    seed: config.seed,
    store: memoryStore(),
    blobs: memoryBlobs(),
    startAt: 0,
    device: (client, { round, attempt }) => {
      const { from, to } = parts[client]!;
      return deviceTurn(devices, config.seed, { client, round, attempt }, (to - from) * localEpochs);
    },
    tamper: () => null,
    ...(test === null
      ? {}
      : {
          evaluate: async (_, weights) => ({
            ...(await pool.evaluate('test', test.count, weights)),
            examples: test.count,
          }),
        }),
  });
}

interface Playing {
  readonly federation: SimulatedFederation;
  readonly pool: TrainingPool;
  readonly onRound: (round: SimulatedRound) => void;
  readonly signal: AbortSignal;
  /** ms of `performance.now` */
  readonly startedAt: number;
}

async function play(
  prepared: Prepared,
  { federation, pool, onRound, signal, startedAt }: Playing,
): Promise<SimulationResult> {
  const { config, about } = prepared;
  const { events, operations } = federation;
  const lines = new RoundLines();
  const emit = (all: readonly RoundLine[]): void => {
    for (const line of all) onRound(roundOf(line));
  };
  let state = '';
  events.listen((event) => {
    emit(lines.take(event));
    if (event.type === 'run' && event.data['state'] !== undefined) state = event.data['state'] as string;
  });
  await federation.start();
  const [stored] = await operations.runs();
  const { id } = stored ?? (await operations.create(config));
  state = stored?.state ?? state;
  const isOver = (): boolean => signal.aborted || state === 'paused' || finalRunStates.some((final) => final === state);
  await federation.play(isOver);
  emit(lines.end());
  signal.throwIfAborted();
  const view = await operations.run(id);
  if (view.state !== 'finished') {
    const problem = federation.problem();
    const why = problem === null ? '' : `; client ${problem.client}: ${problem.message}`;
    throw new FederatedError(problem?.code ?? 'BAD_STATE', `simulation: ${view.reason ?? view.message}${why}`);
  }
  const rounds = await operations.rounds(id);
  const target = config.targetAccuracy ?? null;
  const reached =
    target === null ? undefined : rounds.find(({ evaluation }) => (evaluation?.['accuracy'] ?? 0) >= target);
  const { up, down } = federation.traffic();
  const last = rounds.at(-1)?.record.endedAt ?? 0;
  return {
    run: id,
    task: view.task,
    strategy: view.strategy,
    seed: config.seed,
    data: String(about['data']),
    partition: String(about['partition']),
    clients: prepared.parts.length,
    rounds: view.round,
    roundsToTarget: reached?.record.round ?? null,
    targetAccuracy: target,
    accuracy: view.evaluation?.['accuracy'] ?? null,
    loss: view.evaluation?.['loss'] ?? null,
    reports: rounds.reduce((sum, { record }) => sum + record.reports.length, 0),
    bytesUp: up,
    bytesDown: down,
    seconds: Number(((performance.now() - startedAt) / 1000).toFixed(2)),
    virtualSeconds: prepared.transport === 'memory' ? last / 1000 : null,
    backend: pool.backend,
    workers: prepared.workers,
    transport: prepared.transport,
    weightsSha256: view.weights,
    out: null,
    epsilon: null,
    secureAggregation: view.secureAggregation,
  };
}

function roundOf(line: RoundLine): SimulatedRound {
  const number = (key: string): number | null => (typeof line[key] === 'number' ? line[key] : null);
  return {
    round: line.round,
    result: line['result'] as SimulatedRound['result'],
    accuracy: number('eval/accuracy'),
    loss: number('eval/loss'),
    metrics: line,
  };
}
