import { createServer } from '../../server/server.ts';

/**
 * The server of the server benchmark, in a process of its own so that its CPU time and memory can be told from the
 * clients'. Started by `server.ts` beside it, which talks to it by IPC.
 */

export interface ServerTask {
  readonly dataDir: string;
  /** A run's config, or null for a server that only holds connections. */
  readonly config: unknown;
}

/** Sent when the server is up, after each round, and as the answer to `measure`. */
export interface ServerSample {
  readonly type: 'ready' | 'round' | 'measured';
  readonly joinLink: string;
  /** ms of user and system time since the process began */
  readonly cpu: number;
  /** bytes */
  readonly rss: number;
  readonly peakRss: number;
  /** ms since an arbitrary point */
  readonly at: number;
  readonly connections: number;
}

process.once('message', (task: ServerTask) => void serve(task));

async function serve({ dataDir, config }: ServerTask): Promise<void> {
  const limits = {
    helloTimeout: 120_000,
    maxPendingPerAddress: 20_000,
    maxSocketsPerAddress: 20_000,
    maxSockets: 20_000,
  };
  const server = await createServer({ dataDir, port: 0, admission: 'open', limits });
  const sample = (type: ServerSample['type']): void => {
    const { user, system } = process.cpuUsage();
    const message: ServerSample = {
      type,
      joinLink: server.joinLink,
      cpu: (user + system) / 1000,
      rss: process.memoryUsage().rss,
      peakRss: process.resourceUsage().maxRSS * 1024,
      at: performance.now(),
      connections: server.operations.info().connections,
    };
    process.send!(message);
  };
  server.events.listen((event) => {
    if (event.type === 'round' && event.data['result'] !== undefined) sample('round');
  });
  process.on('message', (message) => {
    if (message !== 'measure') return;
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
