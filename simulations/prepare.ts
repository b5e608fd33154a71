import { availableParallelism } from 'node:os';
import { checkRunConfig, type RunConfig } from '../server/config.ts';
import { checkExamples, checkTargetsFor } from '../shared/engine/examples.ts';
import { FederatedError } from '../shared/errors.ts';
import { seeded } from '../shared/random.ts';
import { taskByName } from '../shared/tasks/catalog.ts';
import { checkTaskFits } from '../shared/tasks/fit.ts';
import { checkTask, type Task } from '../shared/tasks/task.ts';
import type { LoadedData } from './datasets/loaded.ts';
import { loadData, testSpecOf } from './datasets/registry.ts';
import { checkDevices, type DeviceModel } from './devices.ts';
import { labelledOf } from './partitions/labelled.ts';
import { parsePartition } from './partitions/parse.ts';
import type { Partitioner } from './partitions/partitioner.ts';
import type { Rows, SharedSet } from './pool/messages.ts';
import { sharedSet } from './pool/shared-set.ts';
import { transports, type SimulationOptions } from './simulate-options.ts';

/** A simulation whose every input is checked and loaded. */
export interface Prepared {
  readonly config: RunConfig;
  /** What `config.json` says beside the run's config. */
  readonly about: Readonly<Record<string, unknown>>;
  readonly train: SharedSet;
  readonly test: SharedSet | null;
  /** Each client's examples. */
  readonly parts: readonly Rows[];
  /** Clients that the partition gives fewer examples than the task asks for: they do not take part. */
  readonly leftOut: number;
  readonly devices: DeviceModel;
  readonly workers: number;
  readonly transport: (typeof transports)[number];
  readonly backend: string;
}

const refuse = (message: string): never => {
  throw new FederatedError('BAD_ARGUMENT', message);
};

function whole(name: string, value: number, to: number): number {
  if (Number.isSafeInteger(value) && value >= 1 && value <= to) return value;
  return refuse(`${name}: expected a whole number from 1 to ${to}, got ${value}`);
}

/**
 * Checks everything that can be checked before anything is trained, and loads the data.
 * @throws FederatedError BAD_ARGUMENT, BAD_CONFIG, BAD_TASK, BAD_DATA, BAD_FILE, NOT_FOUND: one sentence that names the setting
 */
export async function prepare(options: SimulationOptions): Promise<Prepared> {
  const {
    task: given,
    data: dataSpec,
    test: testSpec,
    partition = 'iid',
    clients: wanted,
    localEpochs,
    batchSize,
    clientLearningRate,
    seed = 1,
    workers = availableParallelism(),
    transport = 'memory',
    backend = 'auto',
    devices = {},
    out: _,
    signal: __,
    ...settings
  } = options;
  if (!transports.includes(transport))
    refuse(`transport: expected ${transports.join(' or ')}, got "${String(transport)}"`);
  whole('workers', workers, 1_024);
  if (wanted !== undefined) whole('clients', wanted, 1_000_000);
  checkDevices(devices);
  if (transport === 'ws' && Object.keys(devices).length > 0) {
    refuse('devices: their time is virtual, and sockets take real time; leave them out, or take the transport memory');
  }
  const partitioner = typeof partition === 'string' ? parsePartition(partition) : partition;
  const base = typeof given === 'string' ? taskByName(given) : checkTask(given);
  const training = {
    ...base.training,
    ...(localEpochs === undefined ? {} : { localEpochs }),
    ...(batchSize === undefined ? {} : { batchSize }),
    ...(clientLearningRate === undefined ? {} : { clientLearningRate }),
  };
  const task: Task = { ...base, training };
  checkTaskFits(task);
  const source = dataSpec ?? base.data.source;
  if (source === undefined) return refuse(`data: task ${base.name} names no data set; say which`);
  // Checked with as many clients as are there at the least, so that a bad setting does not wait for the data.
  const early = checkRunConfig({ secureAggregation: false, ...settings, task, minClients: 1, seed });
  if (wanted !== undefined && (early.clientsPerRound ?? 0) > wanted) {
    refuse(`clientsPerRound: ${early.clientsPerRound} clients cannot be picked from ${wanted} clients`);
  }

  const data = typeof source === 'string' ? await loadData(source) : source;
  const test = await testOf(testSpec, source, data);
  check(task, data, 'data');
  if (test !== null) check(task, test, 'test');
  const clients = wanted ?? (partitioner.choosesClients === true ? null : 100);
  const lists = partitioner.assign(labelledOf(data), clients, seeded(seed, 'partition'));
  const large = lists.filter(({ length }) => length >= task.training.minExamples);
  const leftOut = lists.length - large.length;
  const config = checkRunConfig({ secureAggregation: false, ...settings, task, minClients: large.length, seed });
  if ((config.clientsPerRound ?? 0) > large.length) {
    const why = leftOut === 0 ? '' : ` (${leftOut} have fewer than ${task.training.minExamples} examples)`;
    refuse(`clientsPerRound: ${config.clientsPerRound} clients cannot be picked from ${large.length}${why}`);
  }
  const train = sharedSet(data, large);
  const parts = rowsOf(large);
  if (partitioner.alter !== undefined) alterParts(partitioner, train, large, seed);
  return {
    config,
    about: {
      data: data.name,
      partition: partitioner.name,
      clients: large.length,
      transport,
      ...(Object.keys(devices).length > 0 ? { devices } : {}),
    },
    train,
    test: test === null ? null : sharedSet(test),
    parts,
    leftOut,
    devices,
    workers,
    transport,
    backend,
  };
}

async function testOf(
  spec: SimulationOptions['test'],
  source: string | LoadedData,
  data: LoadedData,
): Promise<LoadedData | null> {
  if (spec === 'none') return null;
  if (spec !== undefined) return typeof spec === 'string' ? loadData(spec) : spec;
  if (typeof source !== 'string') return null;
  const own = testSpecOf(source);
  if (own !== null) return loadData(own);
  return refuse(
    `test: ${data.name} has no test examples of its own; give some, or "none" to go without measuring the model`,
  );
}

function check(task: Task, data: LoadedData, what: string): void {
  try {
    checkExamples(data, task.data);
    checkTargetsFor(task.model.loss, data);
  } catch (thrown) {
    if (!(thrown instanceof FederatedError)) throw thrown;
    const why = thrown.message.replace(/^data: /, '');
    throw new FederatedError(thrown.code, `${what}: ${data.name} does not fit task ${task.name}: ${why}`);
  }
}

function rowsOf(lists: readonly Uint32Array[]): Rows[] {
  let from = 0;
  return lists.map(({ length }) => {
    const rows = { set: 'train', listed: true, from, to: from + length } as const;
    from = rows.to;
    return rows;
  });
}

/** Feature skew: changed where they lie, since each example is one client's. */
function alterParts(
  partitioner: Partitioner,
  { xs, count }: SharedSet,
  lists: readonly Uint32Array[],
  seed: number,
): void {
  const width = xs.length / count;
  for (const [client, list] of lists.entries()) {
    const own = new Float32Array(list.length * width);
    for (const [i, index] of list.entries()) own.set(xs.subarray(index * width, (index + 1) * width), i * width);
    partitioner.alter!(own, client, lists.length, seeded(seed, 'alter', client));
    for (const [i, index] of list.entries()) xs.set(own.subarray(i * width, (i + 1) * width), index * width);
  }
}
