import type { RunConfigInput } from '../../../server/config.ts';
import { defaultLimits, type Limits } from '../../../shared/protocol/limits.ts';
import { checkTask } from '../../../shared/tasks/task.ts';
import { Dice } from './dice.ts';

/** What can go wrong in a simulated world. Each seed has some of them. */
export const faultKinds = [
  'delay', // a message is late
  'cut', // a connection breaks
  'half-open', // a connection goes silent, and nobody is told
  'flip', // a bit of a message changes
  'replay', // somebody on the way sends a message twice
  'refuse', // no connection is made
  'download', // a download breaks off, is late, or is refused
  'server-crash', // at any time
  'step-crash', // at a named step of a round
  'disk-crash', // before or after a write of the server
  'disk-fail', // a call of the server's store fails
  'disk-slow',
  'client-crash',
  'client-disk', // a write of a client's store fails
  'slow-training',
  'unready', // a device cannot train for a while
  'leave', // a client leaves and joins again
  'operator', // pauses and resumes
  'clock', // the wall clocks of the server and of clients jump
  'liar', // clients that break the protocol
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** A world, as its seed decides. */
export interface WorldPlan {
  readonly seed: number;
  readonly secure: boolean;
  /** Signatures, agreements and ciphers are the real ones. */
  readonly real: boolean;
  /** The server's store is SQLite, in memory. */
  readonly sqlite: boolean;
  readonly clients: number;
  readonly liars: number;
  readonly runs: number;
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  /** So long things go wrong, ms. */
  readonly faultTime: number;
  readonly limits: Limits;
  readonly config: RunConfigInput;
}

/** What may be held still while a failing seed is made smaller. */
export interface PlanChanges {
  readonly without?: readonly string[];
  /** Faults that happen as often as can be. */
  readonly more?: readonly string[];
  readonly clients?: number;
  readonly rounds?: number;
  readonly secure?: boolean;
  readonly real?: boolean;
  /** Asynchronous rounds. */
  readonly buffered?: boolean;
}

const task = (d: number) =>
  checkTask({
    format: 'fedloom-task-1',
    name: 'tiny',
    model: { input: [d], layers: [{ type: 'dense', units: 1, useBias: false }], loss: 'mean-squared-error' },
    data: { features: [d], labels: { targets: 1 } },
    training: { localEpochs: 1, batchSize: 1, clientLearningRate: 0.1, optimizer: 'sgd' },
  });
const tasks = [4, 8, 12].map(task);

/** Clients of a world: most are small, as a fault that needs many clients is rare, and a small world takes half of the time. */
const sizes = [2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 6];

/** The same run with asynchronous rounds. */
function buffered(synchronous: RunConfigInput, dice: Dice, rounds?: number): RunConfigInput {
  const { clientsPerRound: _, overselect: __, minReports: ___, ...config } = synchronous;
  const { minClients = 1 } = config;
  const bufferSize = dice.whole(1, minClients);
  return {
    ...config,
    rounds: rounds ?? dice.pick([3, 3, 4, 4, 5, 6, 7]),
    ...(dice.chance(0.3) ? { minReports: dice.whole(1, bufferSize) } : {}),
    strategy: {
      name: 'fedbuff',
      bufferSize,
      ...(dice.chance(0.5) ? { concurrency: dice.whole(1, minClients + 1) } : {}),
      ...(dice.chance(0.4) ? { maxStaleness: dice.whole(0, 2) } : {}),
      staleness: dice.pick(['polynomial', 'polynomial', 'constant']),
      serverLearningRate: dice.pick([1, 0.5]),
    },
  };
}

export function planOf(seed: number, changes: PlanChanges = {}): WorldPlan {
  const dice = new Dice('dst', 'plan', seed);
  const secure = changes.secure ?? seed % 50 === 0;
  const isReal = dice.chance(0.01);
  const sqlite = dice.chance(0.01);
  const clients = secure ? dice.pick([4, 4, 4, 5, 5, 6, 7]) : dice.pick(sizes);
  const isCalm = dice.chance(0.03);
  const faults: Partial<Record<FaultKind, number>> = {};
  for (const kind of faultKinds) {
    const rate = dice.float() ** 2; // mostly mild
    if (dice.chance(0.35) && !isCalm && !(changes.without ?? []).includes(kind)) faults[kind] = rate;
  }
  for (const kind of faultKinds) if (changes.more?.includes(kind)) faults[kind] = 1;
  const least = secure ? 3 : 1;
  const minClients = dice.whole(least, Math.max(least, clients - 1));
  const isPart = dice.chance(0.4);
  const clientsPerRound = dice.whole(least, minClients);
  const chunkBytes = dice.pick([8, 16, 32, 262_144]);
  const [windowBytes, ackBytes] = chunkBytes > 1000 ? [4_194_304, 1_048_576] : [2 * chunkBytes, chunkBytes];
  const rounds: RunConfigInput = {
    task: dice.pick(tasks),
    rounds: changes.rounds ?? dice.pick([2, 2, 2, 2, 3, 3, 4]),
    minClients,
    ...(isPart ? { clientsPerRound, overselect: dice.pick([1, 1, 1.5, 2]) } : {}),
    ...(dice.chance(0.3) && isPart ? { minReports: dice.whole(1, clientsPerRound) } : {}),
    roundTimeout: dice.pick([8_000, 20_000, 40_000]),
    sendTimeout: dice.pick([4_000, 10_000]),
    stepTimeout: dice.pick([2_000, 5_000]),
    retryDelay: dice.pick([10, 200, 1_000]),
    maxAttempts: dice.pick([3, 100]),
    secureAggregation: secure,
    weighting: dice.pick(['examples', 'uniform']),
    strategy: { name: 'fedavg', serverLearningRate: dice.pick([1, 1, 0.5]) },
    maxExamples: 100,
    evaluateEvery: dice.pick([0, 1]),
    seed,
  };
  // Drawn apart, so that the other seeds stay what they were.
  const buffering = new Dice('dst', 'buffer', seed);
  const isBuffered = buffering.chance(0.25);
  const config = (changes.buffered ?? isBuffered) && !secure ? buffered(rounds, buffering, changes.rounds) : rounds;
  const pruning = new Dice('dst', 'prune', seed);
  if (pruning.chance(0.5)) config.keepModels = pruning.whole(1, 2);
  const heartbeat = dice.pick([1_000, 4_000, 4_000, 15_000, 15_000]);
  const limits: Limits = {
    ...defaultLimits,
    chunkBytes,
    windowBytes,
    ackBytes,
    heartbeat,
    maxUploads: dice.pick([1, 2, 4]),
    maxSpoolBytes: dice.pick([64, 128, 67_108_864]),
    rejoinGrace: dice.pick([200, 1_000, 3_000]),
    uploadStall: dice.pick([500, 2_000]),
    minUploadRate: 1,
  };
  return {
    seed,
    secure,
    real: changes.real ?? isReal,
    sqlite,
    clients: changes.clients ?? clients,
    liars: faults.liar === undefined ? 0 : dice.whole(1, 2),
    runs: dice.chance(0.1) ? 2 : 1,
    faults,
    faultTime: dice.whole(5_000, 40_000),
    limits,
    config,
  };
}
