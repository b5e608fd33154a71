import * as crypto from 'node:crypto';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { MaskPool } from '../../server/masking/mask-pool.ts';
import { toHex } from '../../shared/bytes.ts';
import { identityFromSeed, type Identity } from '../../shared/crypto/identity.ts';
import { nativePrimitives } from '../../shared/crypto/native.ts';
import type { GeneratorName } from '../../shared/crypto/primitives.ts';
import { FederatedError } from '../../shared/errors.ts';
import { runId } from '../../shared/ids.ts';
import { shapeOf } from '../../shared/secagg/graph.ts';
import type { ClientStep } from '../../shared/secagg/messages.ts';
import { generatorOf, makeSecAggPlan } from '../../shared/secagg/plan.ts';
import { ServerHalf } from '../../shared/secagg/server-half.ts';
import { wordLayout } from '../../shared/updates/layout.ts';
import { packedLength, unpack } from '../../shared/updates/pack.ts';
import { makeUpdatePlan, updatePlanHash } from '../../shared/updates/plan.ts';
import { ExactSum } from '../../shared/vector/exact-sum.ts';
import { applyMasksInParts } from '../../shared/vector/mask-parts.ts';
import { plainAddWords } from '../../shared/vector/plain-masking.ts';
import {
  benchDelta,
  bytesIn,
  MeasuredClient,
  type AttemptSetup,
  type ClientTimes,
  type Transcript,
} from './secagg-client.ts';

/**
 * One whole attempt of secure aggregation in this process: all clients do their part, one after the other, some of them are
 * timed; the server does its own, and the sum is compared with that of what the clients have put in.
 */

export interface AttemptTask {
  readonly clients: number;
  /** Of the model. */
  readonly parameters: number;
  /** `thin`: k-regular, for one client in ten corrupt, one in ten dropped, and 2^-40. */
  readonly graph: 'complete' | 'thin';
  /** The share of clients that drop out once they have shared, from 0 to below 1. */
  readonly dropout: number;
  /** Of masks. */
  readonly generator: GeneratorName;
}

export interface AttemptSample {
  readonly degree: number;
  readonly threshold: number;
  readonly dropped: number;
  /** CPU time of each client that was timed. */
  readonly clients: readonly ClientTimes[];
  /** ms of CPU time, with the threads that mask. */
  readonly server: {
    /** Putting the secrets together, and the keys of masks. */
    readonly keys: number;
    readonly masks: number;
    /** All other messages in and out. */
    readonly messages: number;
    /** Adding the vectors. */
    readonly add: number;
  };
  /** ms from the first message to the sum, without adding. */
  readonly serverWall: number;
  /** Bytes of one client that stays to the end: all of its messages, and the packed vector among them. */
  readonly upload: number;
  readonly vector: number;
  readonly download: number;
  /** Bytes that the server holds at most beside the sum; null where the collector cannot be called. */
  readonly serverMemory: number | null;
  /** ms of CPU time to add as many updates of float32 as are in the sum. */
  readonly plain: number;
  /** The part of a client that was timed. */
  readonly transcript: Transcript;
}

/** Clients whose times are taken: the last ones, when the code is compiled. Of large vectors a few are enough. */
const timedClients = (parameters: number): number => (parameters > 4_000_000 ? 3 : 7);

/**
 * The masks of the clients that are not timed, as one sum: where both ends of a pair are among them the masks cancel, so they are
 * never made. The sum that the server gets is the same to the bit, in a fraction of the time.
 */
class NetMasks {
  readonly #counts = new Map<string, { readonly key: Uint8Array; count: number }>();

  /** @param sign - 1 for masks that a client adds, -1 for those that it takes away. The keys are copied. */
  add(keys: readonly Uint8Array[], sign: 1 | -1): void {
    for (const key of keys) {
      const name = toHex(key);
      const entry = this.#counts.get(name) ?? { key: key.slice(), count: 0 };
      entry.count += sign;
      this.#counts.set(name, entry);
    }
  }

  keys(sign: 1 | -1): Uint8Array[] {
    return [...this.#counts.values()].filter(({ count }) => count === sign).map(({ key }) => key);
  }
}

const primitives = nativePrimitives(crypto);
const cpuNow = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** What the server's steps take, while nothing else runs. */
class Stopwatch {
  readonly cpu = { keys: 0, masks: 0, messages: 0, add: 0 };
  /** Without adding. */
  wall = 0;

  async take<T>(part: keyof Stopwatch['cpu'], work: () => T | Promise<T>): Promise<T> {
    const [cpu, wall] = [cpuNow(), performance.now()];
    const result = await work();
    this.cpu[part] += cpuNow() - cpu;
    if (part !== 'add') this.wall += performance.now() - wall;
    return result;
  }
}

/** How much more memory is held after some work, garbage collected. */
class MemoryGauge {
  held = 0;
  static readonly works = globalThis.gc !== undefined;

  async around<T>(work: () => Promise<T>): Promise<T> {
    const before = await MemoryGauge.#used();
    const result = await work();
    this.held += (await MemoryGauge.#used()) - before;
    return result;
  }

  static async #used(): Promise<number> {
    for (let i = 0; i < 2 && MemoryGauge.works; i++) {
      globalThis.gc!();
      await delay(20); // memory outside the heap is given back beside the program
    }
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  }
}

/** A client, and what the benchmark needs to know of it. */
interface Party {
  readonly seed: Uint8Array;
  readonly identity: Identity;
  readonly client: MeasuredClient;
  readonly drawn: Uint8Array[];
  readonly isTimed: boolean;
  readonly isDropped: boolean;
}

export function setupOf({ clients, parameters, graph, generator }: AttemptTask): AttemptSetup {
  const update = makeUpdatePlan({
    dimension: parameters,
    maxCohort: clients,
    clippingNorm: 1,
    coordinateBound: 0.01,
    maxExamples: 1000,
    maxWeight: 100,
    metrics: [{ name: 'loss', bound: 100 }],
  });
  const plan = makeSecAggPlan({
    maxCohort: clients,
    modulusBits: update.modulusBits,
    words: wordLayout(update).words,
    update: toHex(updatePlanHash(primitives, update)),
    generator,
    ...(graph === 'thin' ? { completeUpTo: 0, corrupt: 0.1, dropped: 0.1, sigma: 40 } : { completeUpTo: 255 }),
  });
  return { plan, update, round: { run: runId('bench'), round: 1, attempt: 1, model: new Uint8Array(32).fill(1) } };
}

/** Whether a thinner graph than the complete one is safe for so many clients. */
export const hasThinGraph = (clients: number): boolean =>
  !shapeOf(setupOf({ clients, parameters: 1, graph: 'thin', dropout: 0, generator: 'chacha20' }).plan, clients)
    .complete;

/**
 * @param pool - of the server; the masks of clients that are not timed are made in it as well
 * @throws FederatedError INTERNAL when the sum is not that of the inputs
 */
export async function runAttempt(task: AttemptTask, pool: MaskPool): Promise<AttemptSample> {
  const setup = setupOf(task);
  const { plan } = setup;
  const { words, modulusBits } = plan;
  const shape = shapeOf(plan, task.clients);
  const sum = new Uint32Array(new SharedArrayBuffer(4 * words));
  const expected = new Uint32Array(words);
  const delta = benchDelta(task.parameters);
  const untimed = new NetMasks();
  const parties = makeParties(task, setup, untimed);
  const staying = parties.filter(({ isDropped }) => !isDropped);
  const watched = staying.at(-1)!;
  const traffic = { up: 0, down: 0 };
  const [watch, gauge] = [new Stopwatch(), new MemoryGauge()];
  const server = new ServerHalf({ primitives, plan, round: setup.round, sum });
  const placeOf = ({ identity }: Party): number => server.positionOf(identity.publicKey)!;

  /** Lets clients make their messages, and then the server take them. */
  const step = async <M extends object>(
    who: readonly Party[],
    make: (party: Party) => Promise<M>,
    takeIn: (party: Party, message: M) => void,
    close: () => void,
  ): Promise<void> => {
    const messages: (readonly [Party, M])[] = [];
    for (const party of who) messages.push([party, await make(party)]);
    traffic.up += bytesIn(messages.find(([party]) => party === watched)![1]);
    const takeAll = (): void => {
      for (const [party, message] of messages) takeIn(party, message);
      close();
    };
    await gauge.around(() => watch.take('messages', takeAll));
  };
  /** What the server tells a client. */
  const told = async <M extends object>(party: Party, tell: () => M): Promise<M> => {
    const message = await watch.take('messages', tell);
    if (party === watched) traffic.down += bytesIn(message);
    return message;
  };

  let roster!: Transcript['roster'];
  await step(
    parties,
    ({ client }) => client.advertise(),
    ({ identity }, message: ClientStep<'advert'>) => void server.advert(identity.publicKey, message),
    () => void (roster = server.closeAdverts()),
  );
  await step(
    parties,
    async (party) => party.client.share(await told(party, () => roster)),
    (party, message: ClientStep<'shares'>) => void server.shares(placeOf(party), message),
    () => server.closeShares(),
  );

  let delivery!: Transcript['delivery'];
  let upload!: Uint8Array;
  for (const party of staying) {
    const message = await told(party, () => server.deliveryFor(placeOf(party)));
    const packed = await party.client.mask(message, delta, (input) => plainAddWords(expected, input));
    await watch.take('add', () => server.masked(placeOf(party), unpack(packed, words, modulusBits)));
    if (party !== watched) continue;
    [delivery, upload] = [message, primitives.sha256(packed)];
    traffic.up += packed.length;
  }

  const generator = generatorOf(plan);
  await pool.apply(sum, modulusBits, untimed.keys(1), untimed.keys(-1), generator);
  const survivors = await watch.take('messages', () => server.closeMasked());
  let asked: ReadonlySet<number> = new Set();
  await step(
    staying,
    async (party) => party.client.consent(await told(party, () => survivors)),
    (party, message: ClientStep<'consent'>) => void server.consent(placeOf(party), message),
    () => void (asked = new Set(server.closeConsents())),
  );
  let unmask!: Transcript['unmask'];
  await step(
    staying.filter((party) => asked.has(placeOf(party))),
    async (party) => {
      const message = await told(party, () => server.unmaskFor(placeOf(party)));
      if (party === watched) unmask = message;
      return party.client.reveal(message);
    },
    (party, message: ClientStep<'reveal'>) => void server.reveal(placeOf(party), message),
    () => {},
  );

  const { plus, minus } = await watch.take('keys', () => server.unmask(() => turn()));
  await watch.take('masks', () => pool.apply(sum, modulusBits, plus, minus, generator));
  checkSum(sum, expected, modulusBits);
  return {
    degree: shape.degree,
    threshold: shape.threshold,
    dropped: parties.length - staying.length,
    clients: staying.filter(({ isTimed }) => isTimed).map(({ client }) => client.times),
    server: watch.cpu,
    serverWall: watch.wall,
    upload: traffic.up,
    vector: packedLength(words, modulusBits),
    download: traffic.down,
    serverMemory: MemoryGauge.works ? gauge.held : null,
    plain: addPlainUpdates(delta, staying.length),
    transcript: { setup, seed: watched.seed, drawn: watched.drawn, roster, delivery, survivors, unmask, upload },
  };
}

function makeParties({ clients, parameters, dropout }: AttemptTask, setup: AttemptSetup, untimed: NetMasks): Party[] {
  const { modulusBits } = setup.plan;
  const generator = generatorOf(setup.plan);
  const dropped = Math.floor(dropout * clients);
  const { keystreams } = primitives;
  return Array.from({ length: clients }, (_, i) => {
    const isDropped = i < dropped;
    const isTimed = i >= Math.max(dropped, clients - timedClients(parameters));
    const seed = new Uint8Array(crypto.randomBytes(32));
    const identity = identityFromSeed(primitives, seed);
    const drawn: Uint8Array[] = [];
    const randomBytes = (length: number): Uint8Array => {
      const bytes = new Uint8Array(crypto.randomBytes(length));
      drawn.push(bytes.slice());
      return bytes;
    };
    const applyMasks = async (
      vector: Uint32Array,
      plus: readonly Uint8Array[],
      minus: readonly Uint8Array[],
    ): Promise<void> => {
      if (isTimed) {
        return applyMasksInParts(vector, modulusBits, plus, minus, { generator, keystreams, pause: () => turn() });
      }
      untimed.add(plus, 1);
      untimed.add(minus, -1);
    };
    const client = new MeasuredClient(setup, { primitives, randomBytes, applyMasks, identity, now: cpuNow });
    return { seed, identity, client, drawn, isTimed, isDropped };
  });
}

function checkSum(sum: Uint32Array, expected: Uint32Array, modulusBits: number): void {
  const mask = 2 ** modulusBits - 1;
  const wrong = sum.findIndex((word, i) => word !== (expected[i]! & mask) >>> 0);
  if (wrong >= 0) {
    throw new FederatedError('INTERNAL', `bench secagg: word ${wrong} of the sum is not the sum of the inputs`);
  }
}

/** ms of CPU time of what a server does without secure aggregation: adding updates of float32. */
function addPlainUpdates(delta: Float32Array, clients: number): number {
  const sum = new ExactSum(delta.length, { maxTerm: 1000, maxTerms: clients });
  sum.add(delta, 60); // touches the memory, which a server has from the round before
  const start = cpuNow();
  for (let i = 0; i < clients; i++) sum.add(delta, 60);
  return cpuNow() - start;
}
