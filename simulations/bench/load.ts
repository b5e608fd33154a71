import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { FederatedError } from '../../shared/errors.ts';
import { defaultLimits, type Limits } from '../../shared/protocol/limits.ts';
import { initialWeights } from '../../shared/tasks/initial.ts';
import { checkTask, type Task } from '../../shared/tasks/task.ts';
import { bytesFloats, floatBytes } from '../../shared/weights.ts';
import { quantile } from '../../shared/statistics.ts';
import type { BaselineMessage, BaselineOrder } from './load-baseline-process.ts';
import { maxPatternClients, patternMean } from './load-pattern.ts';
import type { LoadSwarmMessage, LoadSwarmReport, LoadSwarmTask } from './load-swarm-process.ts';
import { swarmUpdate } from './swarm-update.ts';
import { BenchProcess } from './process.ts';
import { median, reportOf, rowOf, type BenchReport, type BenchRow } from './report.ts';
import type { ServerSample } from './server-process.ts';

/** The server under load: idle connections, a round of many large updates, liars and slow readers beside it. */

export interface LoadBenchOptions {
  /** Idle connections; 0 leaves them out. */
  readonly idle: number;
  /** Clients of the large round, and parameters of its model; 0 clients leave it out. */
  readonly clients: number;
  readonly params: number;
  /** Clients of the round with liars and slow readers beside it, and so many of each of those; 0 leaves it out. */
  readonly besieged: number;
  /** Clients of a round with secure aggregation, real ones that mask; 0 leaves it out. */
  readonly secure: number;
  /** How long idle connections are watched, s. */
  readonly watch: number;
  /** MB that a measurement of the baselines takes. */
  readonly baseline: number;
  readonly onProgress?: (text: string) => void;
}

/** See `server.ts`. */
const flags = ['--no-incremental-marking'];
const chunkBytes = defaultLimits.chunkBytes;
const megabyte = 1e6;
/** Handshakes that one process of a swarm has under way at once: below the limit for one address. */
const atOnce = 48;
/** A busy machine takes its time; all other limits are the defaults. */
const limits: Partial<Limits> = { helloTimeout: 120_000, uploadPatience: 300_000 };

type Server = BenchProcess<ServerSample>;
type Swarm = BenchProcess<LoadSwarmMessage>;
type Say = (text: string) => void;

/**
 * Every row is a measurement of one run, and the machine's load is among them: the baselines are of the same minute.
 * @throws FederatedError BAD_ARGUMENT, INTERNAL when a report was lost or counted twice, or the model is not the reference
 */
export async function benchLoad(options: LoadBenchOptions): Promise<BenchReport> {
  const { idle, clients, params, besieged, secure, watch, baseline, onProgress: say = () => {} } = options;
  checkOptions(options);
  const rows: BenchRow[] = [
    rowOf('load of the machine, 1 minute', { cores: cpus().length }, 'processes', [loadavg()[0]!]),
  ];
  say('the same bytes without Fedloom');
  const speeds = await measureBaselines(baseline * megabyte);
  rows.push(...speeds.rows);
  if (idle > 0) rows.push(...(await measureIdle(idle, watch, say)));
  if (clients > 0) rows.push(...(await measureRound({ clients, params }, speeds, say)).rows);
  if (besieged > 0) rows.push(...(await measureSiege(besieged, params, speeds, say)));
  if (secure > 0) rows.push(...(await measureSecure(secure, params, speeds, say)));
  return reportOf('load', rows);
}

function checkOptions({ idle, clients, besieged }: LoadBenchOptions): void {
  if (clients > maxPatternClients || 2 * besieged > maxPatternClients) {
    throw new FederatedError('BAD_ARGUMENT', `load: at most ${maxPatternClients} clients in a round`);
  }
  const { userLimits } = process.report.getReport() as { userLimits: { open_files: { hard: number | string } } };
  const files = Number(userLimits.open_files.hard); // NaN: unlimited
  const wanted = Math.max(idle, clients, 4 * besieged) + 200;
  if (files >= wanted || Number.isNaN(files)) return;
  throw new FederatedError(
    'BAD_ARGUMENT',
    `load: ${wanted} files must be open at once and this shell allows ${files}; raise it with \`ulimit -n ${wanted}\`, or ask for fewer connections`,
  );
}

// Baselines.

interface Speeds {
  /** MB per second of CPU time of whoever receives */
  readonly tcp: number;
  readonly ws: number;
  readonly copy: number;
  readonly rows: BenchRow[];
}

async function measureBaselines(bytes: number): Promise<Speeds> {
  const server = new BenchProcess<BaselineMessage>('load-baseline-process', [...flags, '--expose-gc']);
  const sender = new BenchProcess<BaselineMessage>('load-baseline-process', flags);
  const tell = (process: typeof server, order: BaselineOrder): void => process.send(order);
  try {
    tell(server, { type: 'listen' });
    const ports = await server.next('listening');
    const cpu = async (): Promise<number> => {
      tell(server, { type: 'sample' });
      return (await server.next('sample')).cpu;
    };
    const receive = async (kind: 'tcp' | 'ws'): Promise<number> => {
      const stream = async (): Promise<number> => {
        const before = await cpu();
        tell(sender, { type: 'stream', kind, port: ports[kind], bytes, chunk: chunkBytes });
        await sender.next('streamed');
        return bytes / megabyte / (((await cpu()) - before) / 1000);
      };
      await stream(); // until it is compiled
      return median([await stream(), await stream(), await stream()]);
    };
    const tcp = await receive('tcp');
    const ws = await receive('ws');
    const copy = copySpeed();
    const row = (name: string, value: number): BenchRow =>
      rowOf(`received: ${name}`, { chunk: chunkBytes }, 'MB/core-s', [value]);
    return { tcp, ws, copy, rows: [row('memcpy', copy), row('plain TCP', tcp), row('plain ws', ws)] };
  } finally {
    await Promise.all([server.stop(), sender.stop()]);
  }
}

/** Chunk by chunk into a vector that no cache holds. */
function copySpeed(): number {
  const chunk = new Uint8Array(chunkBytes).fill(1);
  const target = new Uint8Array(256 * chunkBytes);
  const once = (): number => {
    const { user, system } = process.cpuUsage();
    for (let at = 0; at < target.length; at += chunkBytes) target.set(chunk, at);
    const used = process.cpuUsage({ user, system });
    return target.length / megabyte / ((used.user + used.system) / 1e6);
  };
  return median(Array.from({ length: 9 }, once));
}

// Servers and swarms.

async function withServer<T>(
  config: object | null,
  action: (server: Server, ready: ServerSample) => Promise<T>,
): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), 'fedloom-load-'));
  const server: Server = new BenchProcess('server-process', [...flags, '--expose-gc']);
  try {
    server.send({ dataDir, config, limits });
    return await action(server, await server.next('ready'));
  } finally {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function withSwarms<T>(count: number, action: (swarms: Swarm[]) => Promise<T>): Promise<T> {
  const swarms = Array.from({ length: count }, (): Swarm => new BenchProcess('load-swarm-process', flags));
  try {
    return await action(swarms);
  } finally {
    await Promise.all(swarms.map((swarm) => swarm.stop()));
  }
}

const sampleOf = async (server: Server, how: 'measure' | 'glance'): Promise<ServerSample> => {
  server.send(how);
  return server.next('measured');
};

type Wanted = Pick<LoadSwarmTask, 'joinLink' | 'first' | 'clients' | 'behaviour'> & Partial<LoadSwarmTask>;

/** Opens the clients of several swarms, each from an address of its own. */
async function open(
  swarms: readonly Swarm[],
  wanted: Wanted,
  address = 2,
): Promise<{ handshakes: number[]; seconds: number }> {
  const each = Math.ceil(wanted.clients / swarms.length);
  const start = performance.now();
  const opened = await Promise.all(
    swarms.map((swarm, i) => {
      const first = wanted.first + i * each;
      const clients = Math.min(each, wanted.first + wanted.clients - first);
      const task: LoadSwarmTask = {
        type: 'open',
        atOnce,
        params: 0,
        blob: '',
        heartbeat: defaultLimits.heartbeat * 0.8,
        ...wanted,
        first,
        clients,
        from: `127.0.0.${address + i}`,
      };
      swarm.send(task);
      return orFailed(swarm, swarm.next('opened'));
    }),
  );
  return { handshakes: opened.flatMap(({ handshakes }) => handshakes), seconds: (performance.now() - start) / 1000 };
}

const orFailed = <T>(swarm: Swarm, wanted: Promise<T>): Promise<T> =>
  Promise.race([
    wanted,
    swarm.next('failed').then(({ message }) => {
      throw new FederatedError('INTERNAL', `load: a client of the swarm failed: ${message}`);
    }),
  ]);

// Idle connections.

/** Connections before the first measurement: what they load and compile is not theirs. */
const warmUp = 500;

async function measureIdle(connections: number, watch: number, say: Say): Promise<BenchRow[]> {
  say(`${connections} idle connections`);
  const plain = await bareConnections(connections);
  return withServer(null, (server, { joinLink }) =>
    withSwarms(Math.ceil(connections / 3_500), async (swarms) => {
      const first = Math.min(warmUp, connections >> 1);
      const wanted = { joinLink, behaviour: 'idle' } as const;
      await open(swarms.slice(0, 1), { ...wanted, first: 0, clients: first }, 20);
      const base = await sampleOf(server, 'measure');
      const { seconds } = await open(swarms, { ...wanted, first, clients: connections - first });
      const opened = await sampleOf(server, 'glance');
      const full = await sampleOf(server, 'measure');
      if (full.connections !== connections) {
        throw new FederatedError('INTERNAL', `load: ${full.connections} of ${connections} connections are open`);
      }
      const before = await sampleOf(server, 'glance');
      say(`${connections} idle connections, watched for ${watch} s`);
      await pause(1000 * watch);
      const after = await sampleOf(server, 'glance');
      const end = await sampleOf(server, 'measure');
      if (end.connections !== connections) {
        throw new FederatedError('INTERNAL', `load: ${connections - end.connections} idle connections were lost`);
      }
      const added = connections - first;
      const per = (of: (sample: ServerSample) => number, unit: number, until = full): number[] => [
        (of(until) - of(base)) / unit / added,
      ];
      const at = { connections };
      const rss = ({ rss: bytes }: ServerSample): number => bytes;
      return [
        rowOf('memory per idle connection', at, 'KiB', per(rss, 1024, end), {
          name: 'plain ws',
          value: plain.kilobytes,
        }),
        rowOf(
          'of that, objects of JavaScript',
          at,
          'KiB',
          per(({ heap }) => heap, 1024, end),
        ),
        rowOf(
          'of that, buffers outside them',
          at,
          'KiB',
          per(({ external }) => external, 1024, end),
        ),
        rowOf(
          'server CPU per handshake',
          at,
          'ms',
          per(({ cpu }) => cpu, 1, opened),
          { name: 'plain ws', value: plain.cpu },
        ),
        rowOf('connections opened', at, '1/s', [added / seconds], { name: 'plain ws', value: plain.rate }),
        rowOf('connections opened by a core of the server', at, '1/core-s', [(1000 * added) / (opened.cpu - base.cpu)]),
        rowOf('longest standstill while they open', at, 'ms', [opened.pause]),
        rowOf('server CPU for heartbeats', { ...at, heartbeat: defaultLimits.heartbeat }, 'ms/s', [
          (after.cpu - before.cpu) / ((after.at - before.at) / 1000),
        ]),
        rowOf('longest standstill while they are idle', at, 'ms', [after.pause]),
      ];
    }),
  );
}

/** As many WebSockets on which nobody speaks. */
async function bareConnections(connections: number): Promise<{ kilobytes: number; cpu: number; rate: number }> {
  const server = new BenchProcess<BaselineMessage>('load-baseline-process', [...flags, '--expose-gc']);
  const sample = async (): Promise<Extract<BaselineMessage, { type: 'sample' }>> => {
    server.send({ type: 'sample' });
    return server.next('sample');
  };
  try {
    server.send({ type: 'listen' });
    const { ws } = await server.next('listening');
    return await withSwarms(Math.ceil(connections / 3_500), async (swarms) => {
      const first = Math.min(warmUp, connections >> 1);
      const wanted = { joinLink: `ws://127.0.0.1:${ws}/`, behaviour: 'bare' } as const;
      await open(swarms.slice(0, 1), { ...wanted, first: 0, clients: first }, 20);
      const base = await sample();
      const { seconds } = await open(swarms, { ...wanted, first, clients: connections - first });
      const full = await sample();
      const added = connections - first;
      return {
        kilobytes: (full.rss - base.rss) / 1024 / added,
        cpu: (full.cpu - base.cpu) / added,
        rate: added / seconds,
      };
    });
  } finally {
    await server.stop();
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

// Rounds.

export const loadConfig = (
  params: number,
  clients: number,
  minReports = clients,
): { seed: number } & Record<string, unknown> => ({
  task: loadTask(params),
  rounds: 1,
  minClients: clients,
  minReports,
  roundTimeout: 3_600_000,
  sendTimeout: 600_000,
  secureAggregation: false,
  evaluateEvery: 0,
  seed: 1,
});

/** One layer; its units keep the inputs below the million that a task may have. */
function loadTask(params: number): Task {
  const units = Math.ceil(params / 1_000_000);
  if (params % units !== 0) {
    throw new FederatedError(
      'BAD_ARGUMENT',
      `load: the number of parameters must be a multiple of ${units}, got ${params}`,
    );
  }
  const inputs = params / units;
  return checkTask({
    format: 'fedloom-task-1',
    name: 'load',
    model: { input: [inputs], layers: [{ type: 'dense', units, useBias: false }], loss: 'mean-squared-error' },
    data: { features: [inputs], labels: { targets: units } },
    training: { localEpochs: 1, batchSize: 1, clientLearningRate: 0.1, optimizer: 'sgd' },
  });
}

interface RoundLoad {
  /** Honest clients; their reports are all that may count. */
  readonly clients: number;
  readonly params: number;
  /** Liars that are picked, too, and slow readers that are not. */
  readonly liars?: number;
  readonly slowReaders?: number;
}

interface RoundOutcome {
  readonly rows: BenchRow[];
  /** s, from the word to train to the last report's commit */
  readonly seconds: number;
  /** ms of the server's CPU time */
  readonly cpu: number;
  readonly receipt99: number;
  readonly cutOff: number;
  readonly nonsense: number;
}

async function measureRound(load: RoundLoad, speeds: Speeds, say: Say): Promise<RoundOutcome> {
  const { clients, params, liars = 0, slowReaders = 0 } = load;
  say(
    `a round of ${clients} clients x ${((4 * params) / megabyte).toFixed(1)} MB, ${liars} liars, ${slowReaders} slow readers`,
  );
  const config = loadConfig(params, clients + liars, clients);
  const initial = initialWeights(loadTask(params).model, config.seed);
  const blob = createHash('sha256').update(floatBytes(initial)).digest('hex');
  return withServer(config, (server, { joinLink, url, adminToken }) =>
    withSwarms(liars > 0 ? 4 : 2, async (swarms) => {
      const wanted = { joinLink, params, blob };
      const [one, two, ...others] = swarms;
      if (slowReaders > 0) {
        const asks = { behaviour: 'slow-reader', first: 0, clients: slowReaders, heartbeat: 50 } as const;
        await open(others.slice(1), { ...wanted, ...asks }, 30);
      }
      if (liars > 0)
        await open(others.slice(0, 1), { ...wanted, behaviour: 'liar', first: clients, clients: liars }, 40);
      const rest = await sampleOf(server, 'measure');
      await open([one!, two!], { ...wanted, behaviour: 'honest', first: 0, clients });
      const begun = await server.next('begun');
      const ended = await server.next('round');
      await Promise.all([one!, two!].map((swarm) => orFailed(swarm, swarm.next('committed'))));
      const reports = await Promise.all(swarms.map(reportOfSwarm));
      await checkOutcome(ended, { clients, params, initial, url, adminToken });
      return outcomeOf({ load, rest, begun, ended, reports, speeds });
    }),
  );
}

async function reportOfSwarm(swarm: Swarm): Promise<LoadSwarmReport> {
  swarm.send({ type: 'report' });
  return swarm.next('report');
}

/** @throws FederatedError INTERNAL */
async function checkOutcome(
  { data }: ServerSample,
  {
    clients,
    params,
    initial,
    url,
    adminToken,
  }: { clients: number; params: number; initial: Float32Array; url: string; adminToken: string },
): Promise<void> {
  if (data['result'] !== 'done' && data['result'] !== 'short') {
    throw new FederatedError('INTERNAL', `load: the round is ${String(data['result'])}: ${String(data['reason'])}`);
  }
  if (data['reports'] !== clients) {
    throw new FederatedError('INTERNAL', `load: ${String(data['reports'])} reports count, of ${clients}`);
  }
  const weights = await modelAt(url, adminToken, String(data['weights']));
  const mean = patternMean(clients, params);
  const wrong = mean.findIndex((value, i) => weights[i] !== Math.fround(initial[i]! + value));
  if (weights.length === params && wrong === -1) return;
  throw new FederatedError('INTERNAL', `load: the model differs from the reference at weight ${wrong} of ${params}`);
}

async function modelAt(url: string, adminToken: string, sha256: string): Promise<Float32Array> {
  const headers = { Authorization: `Bearer ${adminToken}` };
  const response = await fetch(`${url}/v1/blobs/${sha256}`, { headers });
  return bytesFloats(new Uint8Array(await response.arrayBuffer()));
}

function outcomeOf(of: {
  readonly load: RoundLoad;
  readonly rest: ServerSample;
  readonly begun: ServerSample;
  readonly ended: ServerSample;
  readonly reports: readonly LoadSwarmReport[];
  readonly speeds: Speeds;
}): RoundOutcome {
  const { load, rest, begun, ended, reports, speeds } = of;
  const { clients, params, liars = 0, slowReaders = 0 } = load;
  const at = { clients, params, MB: Math.round((4 * params) / 1e5) / 10, ...(liars > 0 ? { liars, slowReaders } : {}) };
  const sorted = (name: 'waits' | 'receipts' | 'acks'): number[] =>
    reports.flatMap((each) => each[name]).toSorted((a, b) => a - b);
  const [receipts, acks, waits] = [sorted('receipts'), sorted('acks'), sorted('waits')];
  const cpu = ended.cpu - begun.cpu;
  const seconds = (ended.at - begun.at) / 1000;
  const megabytes = (4 * params * clients) / megabyte;
  const accumulators = (16 * params) / megabyte; // see ExactSum
  const speed = megabytes / (cpu / 1000);
  const rows = [
    rowOf('uploads received, checked and summed', at, 'MB/core-s', [speed], { name: 'plain TCP', value: speeds.tcp }),
    rowOf('uploads received, checked and summed', at, 'MB/core-s', [speed], { name: 'plain ws', value: speeds.ws }),
    rowOf('uploads received, checked and summed', at, 'MB/core-s', [speed], { name: 'memcpy', value: speeds.copy }),
    rowOf('round', at, 's', [seconds]),
    rowOf('memory at peak', at, 'MB', [ended.peakRss / megabyte]),
    rowOf('memory at peak, without the accumulators', at, 'MB', [ended.peakRss / megabyte - accumulators]),
    rowOf('memory before the round', at, 'MB', [rest.rss / megabyte]),
    rowOf('longest standstill', at, 'ms', [ended.pause]),
    ...(
      [
        ['acknowledgement of a chunk', acks],
        ['from the last byte to "received"', receipts],
        ['from the offer to the word to send', waits],
      ] as const
    ).flatMap(([name, values]) =>
      values.length === 0 ? [] : [0.5, 0.99].map((q) => rowOf(`${name}, p${100 * q}`, at, 'ms', [quantile(values, q)])),
    ),
  ];
  const [liarReport] = reports.slice(2);
  return {
    rows,
    seconds,
    cpu,
    receipt99: receipts.length === 0 ? 0 : quantile(receipts, 0.99),
    cutOff: liarReport?.cutOff ?? 0,
    nonsense: liarReport?.bytes ?? 0,
  };
}

/** Real clients, since every one has to mask; each sends the same update, so that its mean is itself. */
async function measureSecure(clients: number, params: number, speeds: Speeds, say: Say): Promise<BenchRow[]> {
  say(`a round of ${clients} clients with secure aggregation`);
  const config = { ...loadConfig(params, clients), secureAggregation: true };
  const initial = initialWeights(loadTask(params).model, config.seed);
  return withServer(config, async (server, { joinLink, url, adminToken }) => {
    const swarm = new BenchProcess<never>('swarm-process', flags);
    try {
      swarm.send({ joinLink, clients });
      const begun = await server.next('begun');
      const ended = await server.next('round');
      if (ended.data['reports'] !== clients) {
        throw new FederatedError(
          'INTERNAL',
          `load: ${String(ended.data['reports'])} masked reports count, of ${clients}`,
        );
      }
      const weights = await modelAt(url, adminToken, String(ended.data['weights']));
      const worst = weights.reduce((most, value, i) => Math.max(most, Math.abs(value - initial[i]! - swarmUpdate)), 0);
      const at = { clients, params, secure: 1 };
      const cpu = (ended.cpu - begun.cpu) / 1000;
      const accumulators = (4 * params) / megabyte; // the masked sum
      const speed = (4 * params * clients) / megabyte / cpu;
      return [
        rowOf('uploads received, summed and unmasked', at, 'MB/core-s', [speed], {
          name: 'plain TCP',
          value: speeds.tcp,
        }),
        rowOf('round', at, 's', [(ended.at - begun.at) / 1000]),
        rowOf('memory at peak, without the accumulators', at, 'MB', [ended.peakRss / megabyte - accumulators]),
        rowOf('largest error of a weight', at, 'weight', [worst]),
      ];
    } finally {
      await swarm.stop();
    }
  });
}

/** The same round twice: alone, then with as many liars and slow readers as there are honest clients. */
async function measureSiege(clients: number, params: number, speeds: Speeds, say: Say): Promise<BenchRow[]> {
  const alone = await measureRound({ clients, params }, speeds, say);
  const besieged = await measureRound({ clients, params, liars: clients, slowReaders: clients }, speeds, say);
  const at = { clients, liars: clients, slowReaders: clients, params };
  const before = (value: number): { name: string; value: number } => ({ name: 'the same without them', value });
  return [
    ...besieged.rows.filter(({ metric }) => metric.startsWith('memory') || metric.startsWith('longest')),
    rowOf('round beside liars and slow readers', at, 's', [besieged.seconds], before(alone.seconds)),
    rowOf('server CPU beside liars and slow readers', at, 's', [besieged.cpu / 1000], before(alone.cpu / 1000)),
    rowOf(
      'from the last byte to "received", p99, beside them',
      at,
      'ms',
      [besieged.receipt99],
      before(alone.receipt99),
    ),
    rowOf('liars cut off', at, 'connections', [besieged.cutOff]),
    rowOf('bytes of nonsense', at, 'MB', [besieged.nonsense / megabyte]),
  ];
}
