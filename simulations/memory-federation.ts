import * as crypto from 'node:crypto';
import { algorithmOf } from '../client/algorithms/table.ts';
import { JobWorker } from '../client/job-worker.ts';
import { UpdateKeeper } from '../client/kept-update.ts';
import { memoryStore as clientStore } from '../client/memory-store.ts';
import { nodeGenerators } from '../client/node/generators.ts';
import { OwnState } from '../client/own-state.ts';
import { Coordinator } from '../server/coordinator.ts';
import { EventLog } from '../server/event-log.ts';
import { silentLog, type Host } from '../server/host.ts';
import { MaskPool } from '../server/masking/mask-pool.ts';
import type { BlobStore, Store } from '../server/store/store.ts';
import { FederatedError, type ErrorCode } from '../shared/errors.ts';
import { giveBack } from '../shared/give-back.ts';
import { sha256Id, type Sha256 } from '../shared/ids.ts';
import { defaultLimits } from '../shared/protocol/limits.ts';
import { canonicalJson } from '../shared/tasks/task.ts';
import type { Job } from '../client/session/types.ts';
import type { StoreOf } from './client-stores.ts';
import { day, type Days } from './days.ts';
import type { SimulatedFederation } from './federation.ts';
import { clientSeed, identitySeed, idOf, primitives } from './identities.ts';
import type { Tamper } from './pool/pool-trainer.ts';
import { bytesFloats } from '../shared/weights.ts';
import { PoolTrainer } from './pool/pool-trainer.ts';
import type { Rows } from './pool/messages.ts';
import type { TrainingPool } from './pool/pool.ts';
import { leanBlobs } from './virtual/lean-blobs.ts';
import { quietMetrics } from './virtual/quiet-metrics.ts';
import type { DeviceTurn, VirtualSurroundings } from './virtual/surroundings.ts';
import { VirtualClient } from './virtual/virtual-client.ts';
import { VirtualWorld } from './virtual/world.ts';

export interface MemoryFederationOptions {
  readonly pool: TrainingPool;
  /** Each client's examples. */
  readonly parts: readonly Rows[];
  readonly seed: number;
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly evaluate?: Host['evaluate'];
  readonly measureUpdates?: Host['measureUpdates'];
  readonly device: (client: number, job: Job) => DeviceTurn;
  /** When devices are at hand. */
  readonly days: Days;
  readonly tamper: (client: number) => Tamper | null;
  /** Of what a client's algorithm keeps. */
  readonly storeOf: StoreOf;
  /** Virtual ms since 1970. */
  readonly startAt: number;
  /** Rounds are asynchronous. */
  readonly isAsynchronous: boolean;
}

const noneComes = 'simulation: three days without a round; fewer devices are at hand at once than a round needs';
const noLimit = Number.MAX_SAFE_INTEGER;
/** Nothing is spooled or throttled where nothing is sent. */
const limits = { ...defaultLimits, maxUploads: noLimit, maxSpoolBytes: noLimit, windowBytes: noLimit };

/**
 * The real coordinator and the real sessions of clients, without sockets: messages go from one to the other as objects, updates
 * as bytes, and time is virtual.
 */
export function openMemoryFederation(options: MemoryFederationOptions): SimulatedFederation {
  const { pool, parts, seed, evaluate, measureUpdates, tamper, days } = options;
  const world = new VirtualWorld(options.startAt);
  const events = new EventLog(options.startAt);
  const metrics = quietMetrics();
  const masks = new MaskPool();
  const store = world.tracked(options.store);
  const blobs = world.tracked(leanBlobs(options.blobs, options.store));
  const randomBytes = (length: number): Uint8Array => new Uint8Array(crypto.randomBytes(length));
  const coordinator = new Coordinator({
    clock: world.serverClock,
    primitives,
    randomBytes,
    masks,
    store,
    blobs,
    log: silentLog,
    // A device that dies has nothing left of what it was at; in a synchronous round others wait for it a while nevertheless.
    limits: options.isAsynchronous ? { ...limits, rejoinGrace: 0 } : limits,
    events,
    metrics,
    onStep: (step) => {
      if (step === 'attempt-saved') world.attemptRuns = true;
    },
    ...(measureUpdates === undefined ? {} : { measureUpdates }),
    ...(evaluate === undefined ? {} : { evaluate: (model, weights) => world.track(evaluate(model, weights)) }),
  });

  /** When the training that a client has been given is due, virtual ms. */
  const dues = new Float64Array(parts.length);
  const dead: VirtualClient[] = [];
  let problem: ReturnType<SimulatedFederation['problem']> = null;
  const models = sharedBlobs(blobs);
  /** What algorithms keep on the devices, which outlives a program that dies. */
  const owns = new Map<number, OwnState>();
  const ownOf = (client: number): OwnState => {
    const own = owns.get(client) ?? new OwnState(options.storeOf(client));
    owns.set(client, own);
    return own;
  };
  /** Clients that are writing down how their last round ended. */
  const settling = new Map<number, Promise<void>>();
  const around: VirtualSurroundings = {
    world,
    handler: coordinator,
    primitives,
    generators: nodeGenerators(),
    welcome: {
      type: 'welcome',
      ticket: new Uint8Array(32),
      token: 'in-the-same-process',
      resumed: false,
      heartbeat: 0,
      chunkBytes: noLimit,
      windowBytes: noLimit,
      software: 'fedloom',
    },
    serverPublicKey: new Uint8Array(32),
    clientSeed: (client) => clientSeed(seed, client),
    identitySeed,
    device(client, job) {
      const turn = options.device(client, job);
      dues[client] = world.now + turn.takes;
      return turn;
    },
    isAtHand: (client) => days.isAtHand(client, world.now),
    workFor(client) {
      const keeper = new UpdateKeeper(clientStore(), (bytes) => pool.recycle(bytes));
      const jobs = new JobWorker({
        platform: { clock: world.clock, randomBytes },
        fetcher: {
          async fetch(sha256, size) {
            const bytes = await models(sha256Id(sha256));
            metrics.bytes('down', size);
            return bytes;
          },
        },
        models: { find: async () => null, remember() {} },
        keeper,
        inspected: false,
        own: ownOf(client),
        trainer: new PoolTrainer(pool, parts[client]!, () => dues[client]!, tamper(client)),
        data: () => {
          throw new FederatedError('INTERNAL', 'simulation: the pool has the data');
        },
      });
      return { jobs, keeper };
    },
    platform: () => ({
      primitives,
      generators: nodeGenerators(),
      randomBytes,
      clock: world.clock,
      store: clientStore(),
      openSocket: () => {
        throw new FederatedError('INTERNAL', 'simulation: there are no sockets');
      },
      download: () => Promise.reject(new FederatedError('INTERNAL', 'simulation: there are no sockets')),
      readings: () => Promise.reject(new FederatedError('INTERNAL', 'simulation: a virtual device has no readings')),
      createTrainer: () => {
        throw new FederatedError('INTERNAL', 'simulation: the pool trains');
      },
    }),
    problem: (client: number, code: ErrorCode, message: string) => {
      problem = { client, code, message };
    },
    settle(client, outcome) {
      const own = owns.get(client);
      if (own !== undefined) settling.set(client, world.track(own.settle(outcome)));
    },
    died(client) {
      client.die();
      // Between two attempts, while it goes on with what it was told before, it is back at once: the next one waits for it.
      if (world.attemptRuns) dead.push(client);
      else client.join();
    },
    sent: (direction, bytes) => metrics.bytes(direction, bytes),
  };
  const clients = parts.map((_, index) => new VirtualClient(index, idOf(index), around));

  let lastRoundAt = world.now;
  /** Devices come and go, for as long as there are rounds. */
  const goOnToNext = (): void => {
    const next = days.next(world.now);
    if (next === null) return;
    world.clock.after(next.at - world.now, () => {
      if (world.attemptRuns) lastRoundAt = world.now;
      // Each day is like the one before.
      else if (world.now - lastRoundAt > 3 * day) return world.fail(new FederatedError('BAD_STATE', noneComes));
      for (const client of next.clients) clients[client]!.lookAtHand();
      goOnToNext();
    });
  };

  events.listen(({ type, data }) => {
    if (type === 'round' && data['result'] !== undefined) {
      world.attemptRuns = false;
      // Whoever died is back before the next round begins.
      for (const client of dead.splice(0)) client.join();
      world.deliver();
    } else if (type === 'run' && data['state'] === 'paused') world.attemptRuns = false;
  });

  return {
    events,
    operations: coordinatorOperations(coordinator),
    async start() {
      for (const client of clients) client.join();
      world.deliver();
      await coordinator.start();
      goOnToNext();
    },
    play: (isOver) => world.run(isOver),
    async personal(client, run, task, weights) {
      await settling.get(client);
      const { algorithm } = task.training;
      const own = await ownOf(client).of({ run, algorithm: canonicalJson(algorithm ?? null) });
      return algorithmOf(algorithm).personal?.(task, weights, own) ?? weights;
    },
    model: async (id) => bytesFloats(new Uint8Array(await blobs.get(id))),
    traffic: () => metrics.traffic(),
    problem: () => problem,
    async close() {
      coordinator.close();
      await masks.close();
    },
  };
}

const coordinatorOperations = (coordinator: Coordinator): SimulatedFederation['operations'] => ({
  run: (id) => coordinator.run(id),
  runs: () => coordinator.runs(),
  rounds: (id, after) => coordinator.rounds(id, after),
  create: (config, id) => coordinator.create(config, id),
  resume: (id) => coordinator.resume(id),
});

/**
 * The last blobs that were asked for, in memory that threads can share: a round's model is copied once, for all clients. They come
 * in the order in which they were asked for, however fast the disk is.
 */
function sharedBlobs(blobs: BlobStore): (id: Sha256) => Promise<Uint8Array> {
  const kept = new Map<Sha256, Promise<Uint8Array>>();
  let turn: Promise<unknown> = Promise.resolve();
  const read = (id: Sha256): Promise<Uint8Array> => {
    const known = kept.get(id);
    if (known !== undefined) return known;
    const oldest = kept.keys().next().value;
    if (kept.size >= 4 && oldest !== undefined) kept.delete(oldest); // the task, what the strategy tells, this round's model and the last one's
    const bytes = blobs.get(id).then((found) => {
      const copy = new Uint8Array(new SharedArrayBuffer(found.length));
      copy.set(found);
      giveBack(found);
      return copy;
    });
    kept.set(id, bytes);
    return bytes;
  };
  return (id) => {
    const bytes = Promise.all([read(id), turn]).then(([found]) => found);
    turn = bytes.catch(() => {}); // whoever asked for it hears of it
    return bytes;
  };
}
