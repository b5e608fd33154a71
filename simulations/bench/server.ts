import { fork, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FederatedError } from '../../shared/errors.ts';
import { reportOf, rowOf, type BenchReport, type BenchRow } from './report.ts';
import type { ServerSample, ServerTask } from './server-process.ts';
import type { SwarmTask } from './swarm-process.ts';

/** What the server costs: CPU a client and round, upload speed, memory, time of a round without training. */

export interface ServerBenchOptions {
  readonly clients: readonly number[];
  readonly params: readonly number[];
  readonly rounds: number;
  /** Without the Node flag that the README advises servers to be started with. */
  readonly plain?: boolean;
  /** Connections held idle for the memory figure; 0 leaves it out. */
  readonly idle: number;
  readonly onProgress?: (text: string) => void;
}

const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
const script = (name: string): string => fileURLToPath(new URL(`./${name}${extension}`, import.meta.url));

/**
 * Every chunk of an update passes through buffers outside V8's heap that live for a millisecond. V8 counts their bytes, and
 * marks its whole heap beside the running program each time some tens of megabytes have come and gone, which takes a third
 * of the server's CPU time. With this flag it marks in one go, of a few milliseconds since models lie outside the heap.
 */
const advisedFlag = '--no-incremental-marking';

export async function benchServer(options: ServerBenchOptions): Promise<BenchReport> {
  const rows: BenchRow[] = [];
  const say = options.onProgress ?? (() => {});
  const flags = options.plain === true ? [] : [advisedFlag];
  for (const params of options.params) {
    const loops = baselines(params);
    for (const clients of options.clients) {
      say(`${clients} clients x ${params} parameters, ${options.rounds} rounds`);
      rows.push(...(await measureRounds(clients, params, options.rounds, loops, flags)));
    }
  }
  if (options.idle > 0) {
    say(`${options.idle} idle connections`);
    rows.push(await measureIdle(options.idle, flags));
  }
  return reportOf('server', rows);
}

interface Baselines {
  /** ms for one update */
  readonly loop: number;
  readonly copy: number;
}

/** A plain loop that adds one update to a float64 sum, and a copy of its bytes: medians of 25. */
function baselines(params: number): Baselines {
  const update = new Float32Array(params).fill(0.5);
  const sum = new Float64Array(params);
  const target = new Float32Array(params);
  const time = (action: () => void): number => {
    const times = Array.from({ length: 25 }, () => {
      const start = performance.now();
      action();
      return performance.now() - start;
    });
    return times.toSorted((a, b) => a - b)[12]!;
  };
  const loop = time(() => {
    for (let i = 0; i < params; i++) sum[i] = sum[i]! + 100 * update[i]!;
  });
  return { loop, copy: time(() => target.set(update)) };
}

/** Rounds before the first that is measured: some hundred megabytes or five hundred rounds, until the code is compiled. */
const warmUpRounds = (clients: number, params: number): number =>
  Math.max(1, Math.min(500, Math.round(4e8 / (4 * params * clients))));

async function measureRounds(
  clients: number,
  params: number,
  rounds: number,
  { loop, copy }: Baselines,
  flags: readonly string[],
): Promise<BenchRow[]> {
  const warmUp = warmUpRounds(clients, params);
  const config = {
    task: {
      format: 'fedloom-task-1',
      name: 'bench',
      model: { input: [params], layers: [{ type: 'dense', units: 1, useBias: false }], loss: 'mean-squared-error' },
      data: { features: [params], labels: { targets: 1 } },
      training: { localEpochs: 1, batchSize: 1, clientLearningRate: 0.1, optimizer: 'sgd' },
    },
    rounds: warmUp + rounds,
    minClients: clients,
    minReports: clients,
    evaluateEvery: 0,
    seed: 1,
  };
  const { samples, end } = await withServer(
    config,
    clients,
    flags,
    (all) => all.filter(({ type }) => type === 'round').length >= warmUp + rounds,
  );
  const marks = samples.filter(({ type }) => type === 'round');
  const measured = marks.slice(warmUp - 1);
  const pairs = measured.slice(1).map((mark, i) => ({ from: measured[i]!, to: mark }));
  const cpu = pairs.map(({ from, to }) => (to.cpu - from.cpu) / clients);
  const seconds = pairs.map(({ from, to }) => (to.at - from.at) / 1000);
  const megabytes = (4 * params * clients) / 1e6;
  const speed = pairs.map(({ from, to }) => megabytes / ((to.cpu - from.cpu) / 1000));
  const at = { clients, params, flags: flags.join(' ') };
  const mb = (bytes: number): number[] => [bytes / 1e6];
  return [
    rowOf('server CPU per client and round', at, 'ms', cpu, {
      name: 'plain float64 loop over one update',
      value: loop,
    }),
    rowOf('upload per server core-second, all included', at, 'MB/core-s', speed, {
      name: 'memcpy',
      value: (4 * params) / 1e3 / copy,
    }),
    rowOf('round', at, 's', seconds),
    rowOf('server memory at start', at, 'MB', mb(samples[0]!.rss)),
    rowOf('server memory at end', at, 'MB', mb(end.rss)),
    rowOf('server memory at peak', at, 'MB', mb(end.peakRss)),
  ];
}

/** What each connection adds, from the first few hundred on: what the first ones load and compile is not theirs. */
async function measureIdle(connections: number, flags: readonly string[]): Promise<BenchRow> {
  const enough = (all: readonly ServerSample[]): boolean => (all.at(-1)?.connections ?? 0) >= connections;
  const { samples, end } = await withServer(null, connections, flags, enough);
  const first = samples.find((sample) => sample.connections >= connections / 10 && sample.connections < connections);
  const base = first ?? samples[0]!;
  const kilobytes = (end.rss - base.rss) / 1024 / (end.connections - base.connections);
  return rowOf('memory per idle connection', { connections, from: base.connections }, 'KB', [kilobytes]);
}

/** Runs a server and a swarm until `enough`; resolves with all samples, and one after garbage collection at the end. */
async function withServer(
  config: unknown,
  clients: number,
  flags: readonly string[],
  enough: (samples: readonly ServerSample[]) => boolean,
): Promise<{ samples: ServerSample[]; end: ServerSample }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'fedloom-bench-'));
  const server = fork(script('server-process'), {
    execArgv: [...process.execArgv, ...flags, '--expose-gc'],
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  const swarm = fork(script('swarm-process'), {
    execArgv: [...process.execArgv, ...flags],
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  const samples: ServerSample[] = [];
  const next = (type: ServerSample['type']): Promise<ServerSample> => sampleFrom(server, type);
  const failed = new Promise<never>((_, reject) => {
    for (const child of [server, swarm]) {
      child.once('exit', (code) =>
        reject(new FederatedError('INTERNAL', `a process of the benchmark ended with code ${code}`)),
      );
    }
  });
  failed.catch(() => {}); // the processes are ended below
  server.on('message', (message: ServerSample) => samples.push(message));
  const measure = (): Promise<ServerSample> => {
    const measured = next('measured');
    server.send('measure');
    return Promise.race([measured, failed]);
  };
  try {
    const task: ServerTask = { dataDir, config };
    const ready = next('ready');
    server.send(task);
    const { joinLink } = await Promise.race([ready, failed]);
    await measure();
    const swarmTask: SwarmTask = { joinLink, clients };
    swarm.send(swarmTask);
    while (!enough(samples)) await (config === null ? measure() : Promise.race([next('round'), failed]));
    return { samples, end: await measure() };
  } finally {
    for (const child of [swarm, server]) child.kill('SIGKILL');
    await rm(dataDir, { recursive: true, force: true });
  }
}

const sampleFrom = (child: ChildProcess, type: ServerSample['type']): Promise<ServerSample> =>
  new Promise((resolve) => {
    const listen = (message: ServerSample): void => {
      if (message.type !== type) return;
      child.off('message', listen);
      resolve(message);
    };
    child.on('message', listen);
  });
