import { FederatedError, isErrorCode, type ErrorCode } from '../../../shared/errors.ts';
import { runId, type Sha256 } from '../../../shared/ids.ts';
import { seeded } from '../../../shared/random.ts';
import { initialWeights } from '../../../shared/tasks/initial.ts';
import { Federation, simpleDelta, tinyConfig, tinyTask } from '../../helpers/federation.ts';
import { clean, FaultProxy } from './fault-proxy.ts';
import { faults } from './faults.ts';

/**
 * Three rounds of three clients on real sockets, one of which has a fault of the given kind on its first connections. Then the
 * network is sound again.
 */

const d = 4_096; // weights: an update has 16 KiB
const chunkBytes = 1_024;
const windowBytes = 4 * chunkBytes;
const limits = {
  chunkBytes,
  windowBytes,
  ackBytes: chunkBytes,
  heartbeat: 300,
  helloTimeout: 1_000,
  rejoinGrace: 500,
  uploadStall: 60_000,
  maxSpoolBytes: 1 << 20,
};
const run = runId('trial-1');
/** The whole of a run must not take longer, ms; nor may the faulty client, once its network is sound. */
const patience = 30_000;

export interface Verdict {
  /** What was broken, or null. */
  readonly broken: string | null;
  /** How the faulty client's part ended. */
  readonly end: 'finished' | ErrorCode;
  /** Rounds in which it was counted, of 3. */
  readonly counted: number;
  /** Bytes of updates that it sent beyond once each. */
  readonly again: number;
  readonly connections: number;
}

const sentenceOf = (thrown: unknown): string =>
  thrown instanceof Error
    ? [thrown.message, thrown.cause === undefined ? '' : sentenceOf(thrown.cause)].join(' ')
    : typeof thrown;

const within = async <T>(ms: number, what: string, promise: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} takes longer than ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

export async function trial(kind: string, seed: number): Promise<Verdict> {
  const random = seeded('proxy', kind, seed);
  const federation = await Federation.open({ limits });
  const faulty = 1 + random.below(3);
  let sound = false;
  const fault = faults[kind]!;
  const proxy = await FaultProxy.open(federation.server.port, random, (connection) =>
    sound || connection >= faulty ? clean : fault(random),
  );
  try {
    const config = {
      rounds: 3,
      minClients: 3,
      minReports: 2,
      roundTimeout: 4_000,
      sendTimeout: 2_500,
      stepTimeout: 2_000,
    };
    await federation.server.operations.create({ ...tinyConfig(config, d) }, run);
    let trainings = 0;
    // Examples tell in the log who was who.
    const training = (index: number) => ({
      examples: 10 * (index + 1),
      delta: ({ weights }: { weights: Float32Array }) => simpleDelta(weights, index + 1),
    });
    const others = [0, 1].map((index) => federation.join({ training: training(index) }));
    const victim = federation.join({
      url: federation.server.joinLink.replace(/:\d+\//, `:${proxy.port}/`),
      training: { ...training(2), onTrain: () => trainings++ },
    });
    // A round waits for three clients: if the third never gets in, the run would wait for ever, and rightly so.
    const arrival = setTimeout(() => {
      sound = true;
      proxy.cut();
    }, 12_000);
    const fatal = victim.done.then(
      () => null,
      (error: unknown) => error,
    );
    const given = await Promise.race([fatal.then((error) => error ?? 'done'), federation.state('finished')]);
    if (given instanceof Error) federation.join({ training: training(2) }); // another takes its place
    const outcomes = await within(patience, 'the others', Promise.all(others.map(({ done }) => done)));
    clearTimeout(arrival);
    sound = true;
    proxy.cut();
    const error = await within(patience, 'the faulty client', fatal);
    if (error !== null && !(error instanceof FederatedError && isErrorCode(error.code) && error.code !== 'INTERNAL')) {
      throw new Error('the faulty client ends with no code of ours', { cause: error });
    }
    if (outcomes.some((each) => each.length !== 3 || each.some(({ counted }) => !counted))) {
      throw new Error('a client with a sound network was not counted in each round');
    }
    await expectModel(federation);
    // Every fault here ends at some time: no damage on the way may keep a client out for good.
    if (error !== null) throw new Error(`the faulty client ended with ${(error as FederatedError).code}`);
    const again = await sentAgain(victim, trainings);
    const cuts = proxy.connections;
    if (again > cuts * windowBytes)
      throw new Error(`${again} bytes sent again over ${cuts} connections, at most a window each`);
    const counted = victim.outcomes.filter((each) => each.counted).length;
    return { broken: null, end: 'finished', counted, again: Math.max(0, again), connections: proxy.connections };
  } catch (thrown) {
    return { broken: sentenceOf(thrown), end: 'INTERNAL', counted: 0, again: 0, connections: proxy.connections };
  } finally {
    proxy.close();
    await federation.close();
  }
}

/** Payload of the chunks that the client has handed to its socket, beyond each trained update once. */
async function sentAgain({ client }: ReturnType<Federation['join']>, updates: number): Promise<number> {
  const { sent } = await client.inspect();
  const chunks = sent.find(({ message }) => message === 'chunk');
  if (chunks === undefined) return 0;
  return chunks.bytes - 32 * chunks.count - 4 * d * updates; // without header and seal
}

/** The model is the mean of exactly the reports in the log, weighted by examples: what arrived is what was sent. */
async function expectModel({ server }: Federation): Promise<void> {
  const records = (await server.operations.rounds(run)).map(({ record }) => record);
  let weights: Float32Array = initialWeights(tinyTask(d).model, 1);
  for (const { result, reports } of records) {
    if (result === 'abandoned') continue;
    const total = reports.reduce((sum, { examples }) => sum + examples!, 0);
    const mean = reports.reduce((sum, { examples }) => sum + (examples! / total) * (examples! / 10), 0);
    weights = weights.map((w) => w + mean / 16 - w / 4);
  }
  const { weights: id } = await server.operations.run(run);
  const found = await fetchWeights(server, id);
  for (const [i, w] of weights.entries()) {
    if (Math.abs(found[i]! - w) > 1e-5) throw new Error(`weight ${i} is ${found[i]}, and ${w} by the log`);
  }
}

async function fetchWeights(server: Federation['server'], id: Sha256): Promise<Float32Array> {
  const response = await fetch(`${server.url}/v1/blobs/${id}`, {
    headers: { Authorization: `Bearer ${server.adminToken}` },
  });
  return new Float32Array(await response.arrayBuffer());
}
