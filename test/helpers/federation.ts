import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FederatedClient } from '../../client/federated-client.ts';
import { type NodeClientOptions, type RoundOutcome } from '../../client/node.ts';
import { nodePlatform } from '../../client/node/platform.ts';
import type { ClientPlatform } from '../../client/platform.ts';
import type { Trainer, TrainRequest } from '../../client/trainer.ts';
import type { RunConfigInput } from '../../server/config.ts';
import type { ServerEvent } from '../../server/operations.ts';
import { createServer, type FederatedServer, type ServerOptions } from '../../server/server.ts';
import { checkTask, type Task } from '../../shared/tasks/task.ts';
import { layoutSize } from '../../shared/weights.ts';
import { modelLayout } from '../../shared/tasks/model.ts';

/** Real servers and clients over real sockets on free ports, for integration tests. Everything opened is closed by `close`. */

/** A linear model of d weights without bias: as small as a model can be. */
export const tinyTask = (d = 8): Task =>
  checkTask({
    format: 'fedloom-task-1',
    name: 'tiny',
    model: { input: [d], layers: [{ type: 'dense', units: 1, useBias: false }], loss: 'mean-squared-error' },
    data: { features: [d], labels: { targets: 1 } },
    training: { localEpochs: 1, batchSize: 1, clientLearningRate: 0.1, optimizer: 'sgd' },
  });

export const tinyConfig = (changes: Partial<RunConfigInput> = {}, d = 8): RunConfigInput => ({
  task: tinyTask(d),
  rounds: 3,
  minClients: 3,
  retryDelay: 20,
  evaluateEvery: 0,
  secureAggregation: false,
  seed: 1,
  ...changes,
});

export interface FakeTraining {
  /** The delta of one training; by default it depends on weights, round and seed alone. */
  readonly delta?: (request: TrainRequest) => Float32Array;
  readonly examples?: number;
  /** Awaited before the delta is given. */
  readonly before?: (request: TrainRequest) => Promise<void> | void;
  readonly onTrain?: (request: TrainRequest) => void;
}

/** The seed that a client was given; the run's name stands before it. */
export const seedOf = ({ seed }: TrainRequest): number => Number(String(seed).split('/').at(-1));

/** Training without an engine: the update is a simple function of the model, so that tests can compute it too. */
export function simpleTrainer({ delta, examples = 10, before, onTrain }: FakeTraining = {}): Trainer {
  return {
    backend: 'test',
    load: async () => {},
    async train(request) {
      onTrain?.(request);
      await before?.(request);
      request.signal.throwIfAborted();
      return {
        delta: delta?.(request) ?? simpleDelta(request.weights, seedOf(request)),
        examples,
        metrics: { loss: 1 },
      };
    },
    close: async () => {},
  };
}

/** A client that trains by `simpleTrainer`, as many examples as its seed says, and whose data nobody looks at. */
export const simpleClient = ({
  seed,
  training,
  ...rest
}: {
  url: string;
  seed: number;
  stateDir?: string;
  training: FakeTraining;
}) =>
  ({
    ...rest,
    seed,
    consent: 'given',
    data: () => ({ xs: new Float32Array(8), ys: new Float32Array(1) }),
    trainer: simpleTrainer({ examples: seed, ...training }),
  }) satisfies NodeClientOptions;

/** delta_i = seed / 16 - weights_i / 4 */
export const simpleDelta = (weights: Float32Array, seed: number): Float32Array => weights.map((w) => seed / 16 - w / 4);

export class Federation {
  readonly dataDir: string;
  readonly events: ServerEvent[] = [];
  server: FederatedServer;
  readonly #aborts: AbortController[] = [];
  readonly #joins: Promise<unknown>[] = [];
  readonly #options: Omit<ServerOptions, 'dataDir'>;

  private constructor(dataDir: string, server: FederatedServer, options: Omit<ServerOptions, 'dataDir'>) {
    this.dataDir = dataDir;
    this.server = server;
    this.#options = options;
    this.#listen();
  }

  /** @param options.dataDir - without it, a new one; goes with `close` */
  static async open({ dataDir: given, ...options }: Partial<ServerOptions> = {}): Promise<Federation> {
    const dataDir = given ?? (await mkdtemp(join(tmpdir(), 'fedloom-test-')));
    const server = await createServer({ port: 0, ...options, dataDir });
    return new Federation(dataDir, server, options);
  }

  #listen(): void {
    this.server.events.listen((event) => this.events.push(event));
  }

  /** Stops the server and starts it again on the same port and folder. */
  async restart(): Promise<void> {
    const { port } = this.server;
    await this.server.close();
    this.server = await createServer({ ...this.#options, port, dataDir: this.dataDir });
    this.#listen();
  }

  /** A client that joins at once. */
  join(
    options: Partial<NodeClientOptions> & { training?: FakeTraining; seed?: number; platform?: ClientPlatform } = {},
  ): {
    client: FederatedClient;
    outcomes: RoundOutcome[];
    done: Promise<RoundOutcome[]>;
    abort: AbortController;
  } {
    const { training, platform, ...rest } = options;
    const given = {
      url: this.server.joinLink,
      consent: 'given',
      data: ({ task }) => {
        const size = layoutSize(modelLayout(task.model));
        return { xs: new Float32Array(size), ys: new Float32Array(1) };
      },
      trainer: simpleTrainer(training),
      ...rest,
    } satisfies NodeClientOptions;
    const client = new FederatedClient(given, platform ?? nodePlatform(given));
    const abort = new AbortController();
    const outcomes: RoundOutcome[] = [];
    const done = (async () => {
      for await (const outcome of client.join({ signal: abort.signal })) outcomes.push(outcome);
      return outcomes;
    })();
    done.catch(() => {}); // the test that cares awaits it
    this.#aborts.push(abort);
    this.#joins.push(done);
    return { client, outcomes, done, abort };
  }

  /** Resolves with the first event, past or to come, that fits. */
  event(fits: (event: ServerEvent) => boolean): Promise<ServerEvent> {
    const past = this.events.find(fits);
    if (past !== undefined) return Promise.resolve(past);
    return new Promise((resolve) => {
      const stop = this.server.events.listen((event) => {
        if (!fits(event)) return;
        stop();
        resolve(event);
      });
    });
  }

  /** Resolves when a run has reached a state. */
  state(state: string): Promise<ServerEvent> {
    return this.event(({ type, data }) => type === 'run' && data['state'] === state);
  }

  async close(): Promise<void> {
    for (const abort of this.#aborts) abort.abort();
    await Promise.allSettled(this.#joins);
    await this.server.close();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}
