import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { algorithmOf } from '../client/algorithms/table.ts';
import { checkRunConfig, type RunConfig } from '../server/config.ts';
import { backendNames, isBackendName } from '../shared/engine/backends/names.ts';
import { checkExamples, checkTargetsFor } from '../shared/engine/examples.ts';
import { FederatedError } from '../shared/errors.ts';
import { seeded } from '../shared/random.ts';
import { taskByName } from '../shared/tasks/catalog.ts';
import { checkTaskFits } from '../shared/tasks/fit.ts';
import { checkTask, type Task } from '../shared/tasks/task.ts';
import { floatBytes } from '../shared/weights.ts';
import { attackersOf, attackOf, parseAttack } from './attacks/parse.ts';
import { checkCollusion, type SimulatedAttack } from './attacks/tampering.ts';
import type { LoadedData } from './datasets/loaded.ts';
import { checkClassNames, loadData, resolvedSpec, testSpecOf } from './datasets/registry.ts';
import { Days } from './days.ts';
import { checkDevices, type DeviceModel } from './devices.ts';
import { labelledOf } from './partitions/labelled.ts';
import { parsePartition } from './partitions/parse.ts';
import type { Partitioner } from './partitions/partitioner.ts';
import { transports, type SimulationOptions } from './simulate-options.ts';

/** A simulation whose every input is checked and loaded. */
export interface Prepared {
  readonly config: RunConfig;
  /** What `config.json` says beside the run's config: what the result depends on. */
  readonly about: Readonly<Record<string, unknown>>;
  readonly data: LoadedData;
  readonly test: LoadedData | null;
  readonly partitioner: Partitioner;
  /** Each client's examples to train on: indices into `data`. */
  readonly lists: readonly Uint32Array[];
  /** Each client's examples to be measured on, or null: they are not. */
  readonly tests: { readonly set: 'train' | 'test'; readonly lists: readonly Uint32Array[] } | null;
  /** Names of the clients, where they have any. */
  readonly names: readonly string[] | null;
  /** Clients that have fewer examples than the task asks for: they do not take part. */
  readonly leftOut: number;
  readonly devices: DeviceModel;
  readonly days: Days;
  readonly attack: SimulatedAttack | null;
  /** Whether the drift of each round's updates is measured. */
  readonly drift: boolean;
  /** Rounds from one measurement of all clients to the next; 0: none. */
  readonly evaluateClients: number;
  readonly checkpointEvery: number;
  readonly workers: number;
  readonly transport: (typeof transports)[number];
  readonly backend: string;
}

const refuse = (message: string): never => {
  throw new FederatedError('BAD_ARGUMENT', message);
};

function whole(name: string, value: number, from: number, to: number): void {
  if (Number.isSafeInteger(value) && value >= from && value <= to) return;
  refuse(`${name}: expected a whole number from ${from} to ${to}, got ${value}`);
}

/** Reads examples by a spec. */
export type Load = (spec: string) => Promise<LoadedData>;

/**
 * Checks everything that can be checked before anything is trained, and loads the data.
 * @throws FederatedError BAD_ARGUMENT, BAD_CONFIG, BAD_TASK, BAD_DATA, BAD_FILE, NOT_FOUND: one sentence that names the setting
 */
export async function prepare(options: SimulationOptions, load: Load = loadData): Promise<Prepared> {
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
    evaluateClients = 0,
    clientTest = 0,
    drift = false,
    attack: attackSpec,
    checkpointEvery = 0,
    out: _,
    signal: __,
    ...settings
  } = options;
  if (!transports.includes(transport)) {
    refuse(`transport: expected ${transports.join(' or ')}, got ${JSON.stringify(transport)}`);
  }
  whole('workers', workers, 1, 1_024);
  whole('checkpointEvery', checkpointEvery, 0, 1_000_000);
  whole('evaluateClients', evaluateClients, 0, 1_000_000);
  if (!(clientTest >= 0 && clientTest <= 0.9)) refuse(`clientTest: expected a number from 0 to 0.9, got ${clientTest}`);
  if (wanted !== undefined) whole('clients', wanted, 1, 1_000_000);
  if (typeof drift !== 'boolean') refuse(`drift: expected true or false, got ${JSON.stringify(drift)}`);
  if (drift && settings.secureAggregation === true) {
    refuse('drift: secure aggregation hides single updates; leave out one of the two');
  }
  if (transport === 'ws' && Object.keys(devices).length > 0) {
    refuse('devices: their time is virtual, and sockets take real time; leave them out, or take the transport memory');
  }
  if (backend !== 'auto' && !isBackendName(backend)) {
    refuse(`backend: no ${JSON.stringify(backend)}; known are auto, ${backendNames.join(', ')}`);
  }
  checkKinds({ partition, attack: attackSpec, data: dataSpec, test: testSpec, devices });
  const partitioner = typeof partition === 'string' ? parsePartition(partition) : partition;
  const base = typeof given === 'string' ? taskByName(given) : checkTask(given);
  const training = {
    ...base.training,
    ...(localEpochs === undefined ? {} : { localEpochs }),
    ...(batchSize === undefined ? {} : { batchSize }),
    ...(clientLearningRate === undefined ? {} : { clientLearningRate }),
  };
  const task: Task = { ...base, training };
  checkDevices(devices, training.localEpochs);
  const configFor = (clients: number): RunConfig => {
    // Of devices that come and go a round waits for as many as it needs; of others for all, so that it picks from the same.
    const comeAndGo = (devices.availability ?? 1) < 1;
    const minClients = comeAndGo ? (settings.clientsPerRound ?? 1) : clients;
    const input = { secureAggregation: false, maxAttempts: 10, ...settings, task, minClients, seed };
    const config = checkRunConfig(input);
    const { strategy } = config;
    if (strategy.name !== 'scaffold' && strategy.name !== 'feddyn') return config;
    const { population = clients } = (settings.strategy ?? {}) as Partial<typeof strategy>;
    return { ...config, strategy: { ...strategy, population } }; // also where a round waits for fewer
  };
  // First with any number of clients, so that a bad setting does not wait for the data.
  const planned = configFor(Math.max(wanted ?? 100, settings.clientsPerRound ?? 1));
  const { clientsPerRound } = planned;
  const pickable = (clients: number, why = ''): void => {
    if ((clientsPerRound ?? 0) <= clients) return;
    refuse(`clientsPerRound: ${clientsPerRound} clients cannot be picked from ${clients}${why}`);
  };
  pickable(wanted ?? 1_000_000);
  checkTaskFits(task);
  const attackIn = (clients: number): SimulatedAttack | null => {
    if (attackSpec === undefined) return null;
    const parsed = parseAttack(attackSpec);
    return { attack: attackOf(parsed, task.data), attackers: attackersOf(clients, parsed, seed) };
  };
  checkCollusion(attackIn(1), planned.task.training); // before the data are loaded
  const source = dataSpec ?? base.data.source;
  if (source === undefined) return refuse(`data: task ${base.name} names no data set; say which`);

  const data = typeof source === 'string' ? await load(source) : source;
  const test = await testOf(testSpec, source, data, load);
  check(task, data, 'data');
  checkClassNames(data, task.data);
  if (test !== null) {
    check(task, test, 'test');
    checkClassNames(test, task.data, data);
  }
  const labelled = labelledOf(data);
  const clients = wanted ?? (partitioner.choosesClients === true ? null : 100);
  const all = partitioner.assign(labelled, clients, seeded(seed, 'partition'));
  const held = all.map((list, client) => holdOut(list, clientTest, seed, client));
  const enough = held.map(({ train }) => train.length >= task.training.minExamples);
  const isIn = <T>(_: T, client: number): boolean => enough[client]!;
  const lists = held.map(({ train }) => train).filter(isIn);
  const leftOut = held.length - lists.length;
  pickable(lists.length, leftOut === 0 ? '' : ` (${leftOut} have fewer than ${task.training.minExamples} examples)`);
  const names = partitioner.names?.(labelled, clients)?.filter(isIn) ?? null;
  const ofNames = evaluateClients > 0 && clientTest === 0 ? testsByName(names, test) : null;
  const tests =
    ofNames !== null
      ? ({ set: 'test', lists: ofNames } as const)
      : clientTest > 0
        ? ({ set: 'train', lists: held.map(({ test: own }) => own).filter(isIn) } as const)
        : null;
  const config = configFor(lists.length);
  if (config.targetAccuracy !== undefined && (test === null || config.evaluateEvery === 0 || data.classes === null)) {
    const why =
      data.classes === null
        ? 'this task has no classes'
        : test === null
          ? 'there are no test examples; give some with test'
          : 'evaluateEvery is 0; set it to 1 or more';
    refuse(`targetAccuracy: nothing would measure it: ${why}`);
  }
  if (evaluateClients > 0 && tests === null) {
    refuse(
      `evaluateClients: the clients of ${partitioner.name} have no test examples of their own; set clientTest to the part of each client's examples to hold out, such as 0.2`,
    );
  }
  const attack = attackIn(lists.length);
  if (attack !== null && attack.attackers.size === 0 && parseAttack(attackSpec!).fraction > 0) {
    refuse(`attack: ${attackSpec} of ${lists.length} clients is none; take a larger part, or more clients`);
  }
  const days = new Days(devices.availability ?? 1, seed, lists.length);
  if ((clientsPerRound ?? 1) > days.most) {
    refuse(
      `availability: at most ${days.most} of the ${lists.length} devices are at hand at once, a round needs ${clientsPerRound}`,
    );
  }
  const { algorithm } = config.task.training;
  if (evaluateClients > 0 && transport === 'ws' && algorithmOf(algorithm).personal !== undefined) {
    refuse('evaluateClients: the personal models of clients on sockets are their own; take the transport memory');
  }
  return {
    config,
    about: {
      ...whatWasAsked(source, data, testSpec, test),
      partition: partitioner.name,
      clients: lists.length,
      ...(Object.keys(devices).length > 0 ? { devices } : {}),
      ...(evaluateClients > 0 ? { evaluateClients } : {}),
      ...(clientTest > 0 ? { clientTest } : {}),
      ...(drift ? { drift } : {}),
      ...(attackSpec === undefined ? {} : { attack: attackSpec }),
    },
    data,
    test,
    partitioner,
    lists,
    tests,
    names,
    leftOut,
    devices,
    days,
    attack,
    drift,
    evaluateClients,
    checkpointEvery,
    workers,
    transport,
    backend,
  };
}

/** Which examples a run is of: the specs, and the bytes of those that are in no known set, which may change. */
function whatWasAsked(
  source: string | LoadedData,
  data: LoadedData,
  testSpec: SimulationOptions['test'],
  test: LoadedData | null,
): Readonly<Record<string, string>> {
  return {
    data: typeof source === 'string' ? resolvedSpec(source, data.name) : data.name,
    ...(isOfKnownSet(source) ? {} : { dataSha256: digest(data) }),
    ...(testSpec === undefined ? {} : { test: typeof testSpec === 'string' ? testSpec : testSpec.name }),
    ...(testSpec === undefined || testSpec === 'none' || test === null || isOfKnownSet(testSpec)
      ? {}
      : { testSha256: digest(test) }),
  };
}

const isOfKnownSet = (source: string | LoadedData): boolean =>
  typeof source === 'string' && testSpecOf(source) !== null;

const digest = ({ xs, ys }: LoadedData): string => {
  const hash = createHash('sha256').update(floatBytes(xs));
  return hash.update(new Uint8Array(ys.buffer, ys.byteOffset, ys.byteLength)).digest('hex');
};

/** A file of settings may hold anything: what is of another kind is said by name. */
function checkKinds(given: Readonly<Record<string, unknown>>): void {
  const expect = (name: string, what: string, isGood: boolean): void => {
    if (isGood) return;
    refuse(`${name}: expected ${what}, got ${JSON.stringify(given[name]) ?? String(given[name])}`);
  };
  const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
  const has = (value: unknown, key: string): boolean => typeof value === 'object' && value !== null && key in value;
  const { partition, attack, data, test, devices } = given;
  expect('partition', 'a name such as iid or shards:2', isText(partition) || has(partition, 'assign'));
  expect('attack', 'a text such as sign-flip:0.2', attack === undefined || isText(attack));
  expect('data', 'a name, a file or examples', data === undefined || isText(data) || has(data, 'xs'));
  expect('test', 'a name, a file, examples or "none"', test === undefined || isText(test) || has(test, 'xs'));
  expect('devices', 'settings such as { speed: 10 }', typeof devices === 'object' && devices !== null);
}

async function testOf(
  spec: SimulationOptions['test'],
  source: string | LoadedData,
  data: LoadedData,
  load: Load,
): Promise<LoadedData | null> {
  if (spec === 'none') return null;
  if (spec !== undefined) return typeof spec === 'string' ? loadTest(spec, load) : spec;
  if (typeof source !== 'string') return null;
  const own = testSpecOf(source);
  if (own !== null) return load(own);
  return refuse(
    `test: ${data.name} has no test examples of its own; give some, or "none" to go without measuring the model`,
  );
}

async function loadTest(spec: string, load: Load): Promise<LoadedData> {
  try {
    return await load(spec);
  } catch (thrown) {
    if (!(thrown instanceof FederatedError)) throw thrown;
    throw new FederatedError(thrown.code, thrown.message.replace(/^(data: )?/, 'test: '), { cause: thrown });
  }
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

/** A part of a client's examples, at random, both in ascending order; at least one stays to train on. */
function holdOut(
  list: Uint32Array,
  part: number,
  seed: number,
  client: number,
): { readonly train: Uint32Array; readonly test: Uint32Array } {
  const count = Math.min(list.length - 1, Math.round(part * list.length));
  if (count <= 0) return { train: list, test: new Uint32Array(0) };
  const order = seeded(seed, 'client-test', client).permutation(list.length);
  const pick = (places: Uint32Array): Uint32Array => places.map((place) => list[place]!).sort();
  return { train: pick(order.slice(count)), test: pick(order.slice(0, count)) };
}

/** The test examples of each client, by its name; null where there are none. */
function testsByName(names: readonly string[] | null, test: LoadedData | null): Uint32Array[] | null {
  const { clients: grouping } = test ?? {};
  if (names === null || grouping === undefined) return null;
  const numbers = new Map(grouping.names.map((name, number) => [name, number]));
  const own = grouping.names.map((): number[] => []);
  for (const [example, number] of grouping.index.entries()) own[number]!.push(example);
  const lists = names.map((name) => Uint32Array.from(own[numbers.get(name) ?? -1] ?? []));
  return lists.some(({ length }) => length > 0) ? lists : null;
}
