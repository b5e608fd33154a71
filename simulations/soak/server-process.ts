import * as v8 from 'node:v8';
import { WebSocket } from 'ws';
import { Attempt } from '../../server/attempt/attempt.ts';
import { Connection } from '../../server/gateway/connection.ts';
import { createServer } from '../../server/server.ts';
import type { Limits } from '../../shared/protocol/limits.ts';

/** The server of a soak, in a process of its own. It answers each `measure` and `census` with what it holds, after garbage collection. */

export interface SoakServerTask {
  readonly dataDir: string;
  readonly limits: Partial<Limits>;
}

export type SoakServerMessage =
  | { readonly type: 'ready'; readonly joinLink: string; readonly url: string; readonly adminToken: string }
  | {
      readonly type: 'measured';
      /** bytes */
      readonly rss: number;
      /** V8's heap in use and the buffers outside it, bytes */
      readonly held: number;
      /** What keeps the event loop going: `TCPSocketWrap`, `Timeout`, ... */
      readonly handles: Readonly<Record<string, number>>;
      /** Entries of the server's maps. */
      readonly sizes: Readonly<Record<string, number>>;
      /** With a census, which takes seconds: living objects of the classes that a leak would keep. */
      readonly objects: Readonly<Record<string, number>>;
      /** Listeners on the process, which whoever forgets one adds to. */
      readonly processListeners: number;
    };

const say = (message: SoakServerMessage): void => void process.send!(message);
process.once('message', (task: SoakServerTask) => void serve(task));
process.on('disconnect', () => process.exit(0));

async function serve({ dataDir, limits }: SoakServerTask): Promise<void> {
  const server = await createServer({ dataDir, port: 0, limits });
  process.on('message', (message) => {
    if (message === 'measure' || message === 'census') setTimeout(measure, 100, message === 'census');
  });
  const measure = (withObjects: boolean): void => {
    // Twice: buffers outside V8's heap go after the objects that held them.
    globalThis.gc?.();
    globalThis.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    const handles: Record<string, number> = {};
    for (const name of process.getActiveResourcesInfo()) handles[name] = (handles[name] ?? 0) + 1;
    const processListeners = process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0);
    const held = heapUsed + external;
    say({
      type: 'measured',
      rss,
      held,
      handles,
      sizes: server.sizes(),
      objects: withObjects ? living() : {},
      processListeners,
    });
  };
  const { joinLink, url, adminToken } = server;
  say({ type: 'ready', joinLink, url, adminToken });
}

/** Counts by V8 itself, so that nothing has to be kept in order to count it. */
function living(): Record<string, number> {
  const classes = { Connection, Attempt, WebSocket };
  const query = (v8 as { queryObjects?: (of: unknown, options: { format: 'count' }) => number }).queryObjects;
  if (query === undefined) return {}; // Node before 20.13
  return Object.fromEntries(Object.entries(classes).map(([name, of]) => [name, query(of, { format: 'count' })]));
}
