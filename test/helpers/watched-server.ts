import pino from 'pino';
import { createServer } from '../../server/server.ts';
import type { StepName } from '../../server/host.ts';

/** A server in a process of its own that stands still (SIGSTOP) at each of the named steps, for a test to look at its memory. */
export interface WatchedTask {
  readonly dataDir: string;
  readonly logFile: string;
  readonly stops: readonly StepName[];
}
export type WatchedMessage =
  | { readonly type: 'loaded' }
  | { readonly type: 'listening'; readonly joinLink: string }
  | { readonly type: 'stopped'; readonly step: StepName }
  | { readonly type: 'finished' };

const say = (message: WatchedMessage): void => void process.send!(message);
process.once('message', (task: WatchedTask) => void serve(task));
process.on('disconnect', () => process.exit(0));
say({ type: 'loaded' });

async function serve({ dataDir, logFile, stops }: WatchedTask): Promise<void> {
  const server = await createServer({
    dataDir,
    port: 0,
    log: pino({ level: 'trace' }, pino.destination({ dest: logFile, sync: true })),
    onStep: (step) => {
      if (!stops.includes(step)) return;
      say({ type: 'stopped', step });
      process.kill(process.pid, 'SIGSTOP');
    },
  });
  server.events.listen((event) => {
    if (event.type === 'run' && event.data['state'] === 'finished') say({ type: 'finished' });
  });
  process.on('message', (config) => void server.operations.create(config));
  say({ type: 'listening', joinLink: server.joinLink });
}
