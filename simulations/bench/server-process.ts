import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createServer } from '../../server/server.ts';
import type { Limits } from '../../shared/protocol/limits.ts';

/**
 * The server of the benchmarks `server` and `load`, in a process of its own so that its CPU time and memory can be told from
 * the clients'. Started by the files of these names beside it, which talk to it by IPC.
 */

export interface ServerTask {
  readonly dataDir: string;
  /** A run's config, or null for a server that only holds connections. */
  readonly config: unknown;
  /** Default: as wide as a swarm that comes all at once from one address needs them. */
  readonly limits?: Partial<Limits>;
}

/** Sent when the server is up, when a round begins and ends, and as the answer to `measure` and `glance`. */
export interface ServerSample {
  readonly type: 'ready' | 'begun' | 'round' | 'measured';
  readonly joinLink: string;
  /** `http://127.0.0.1:8080` */
  readonly url: string;
  readonly adminToken: string;
  /** ms of user and system time since the process began */
  readonly cpu: number;
  /** bytes */
  readonly rss: number;
  readonly peakRss: number;
  /** V8's heap in use, and the buffers outside it; bytes */
  readonly heap: number;
  readonly external: number;
  /** Longest time that the event loop stood still since the last sample, ms. */
  readonly pause: number;
  /** ms since an arbitrary point */
  readonly at: number;
  readonly connections: number;
  /** What the server told of the round, with `begun` and `round`. */
  readonly data: Readonly<Record<string, unknown>>;
}

process.once('message', (task: ServerTask) => void serve(task));

/** As a swarm needs them that comes all at once from one address. */
const wide = {
  helloTimeout: 120_000,
  maxPendingPerAddress: 20_000,
  maxSocketsPerAddress: 20_000,
  maxSockets: 20_000,
};

async function serve({ dataDir, config, limits = wide }: ServerTask): Promise<void> {
  const delays = monitorEventLoopDelay({ resolution: 5 });
  delays.enable();
  const server = await createServer({ dataDir, port: 0, admission: 'open', limits });
  const sample = (type: ServerSample['type'], data: ServerSample['data'] = {}): void => {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed, external } = process.memoryUsage();
    const pause = Math.max(0, delays.max / 1e6 - 5);
    delays.reset();
    const { url, adminToken } = server;
    const message: ServerSample = {
      type,
      joinLink: server.joinLink,
      url,
      adminToken,
      cpu: (user + system) / 1000,
      rss,
      heap: heapUsed,
      external,
      pause,
      peakRss: process.resourceUsage().maxRSS * 1024,
      at: performance.now(),
      connections: server.operations.info().connections,
      data,
    };
    process.send!(message);
  };
  server.events.listen((event) => {
    if (event.type !== 'round') return;
    sample(event.data['result'] === undefined ? 'begun' : 'round', event.data);
  });
  process.on('message', (message) => {
    if (message !== 'measure' && message !== 'glance') return;
    if (message === 'glance') return sample('measured'); // without the collector, which would be counted as the server's work
    globalThis.gc?.();
    setTimeout(() => {
      globalThis.gc?.();
      sample('measured');
    }, 200);
  });
  process.on('disconnect', () => process.exit(0));
  if (config !== null) await server.operations.create(config);
  sample('ready');
}
