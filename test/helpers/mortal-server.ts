import { createServer } from '../../server/server.ts';
import type { StepName } from '../../server/host.ts';

/**
 * A server in a process of its own that kills itself (SIGKILL) when a named step of a round is reached for the n-th time.
 * It loads everything first and starts when told, so that the next one stands ready when one dies.
 */
export interface MortalTask {
  readonly dataDir: string;
  readonly port: number;
  /** Web origins whose pages may connect. */
  readonly allowedOrigins?: readonly string[];
  readonly kill: { readonly step: StepName; readonly count: number } | null;
}

export type MortalMessage =
  | { readonly type: 'loaded' }
  | { readonly type: 'listening'; readonly port: number; readonly joinLink: string; readonly adminToken: string }
  | { readonly type: 'created' }
  /** The committed round after which it goes on, or null when there is nothing to go on with. */
  | { readonly type: 'started'; readonly resumedAt: number | null };

const say = (message: MortalMessage): void => void process.send!(message);
process.once('message', (task: MortalTask) => void serve(task));
process.on('disconnect', () => process.exit(0));
say({ type: 'loaded' });

async function serve({ dataDir, port, kill, allowedOrigins = [] }: MortalTask): Promise<void> {
  let reached = 0;
  const server = await createServer({
    dataDir,
    port,
    allowedOrigins,
    // Two chunks an update, so that there is a middle to be killed in.
    limits: { chunkBytes: 16, windowBytes: 16, ackBytes: 16, rejoinGrace: 45_000 },
    evaluate: async (_, weights) => ({ loss: weights[0]!, examples: 1 }),
    onStep: (step) => {
      if (step === kill?.step && ++reached === kill.count) process.kill(process.pid, 'SIGKILL');
    },
  });
  process.on('message', (config) => void server.operations.create(config).then(() => say({ type: 'created' })));
  const { joinLink, adminToken } = server;
  say({ type: 'listening', port: server.port, joinLink, adminToken });
  say({ type: 'started', resumedAt: (await server.operations.runs())[0]?.resumedAt ?? null });
}
