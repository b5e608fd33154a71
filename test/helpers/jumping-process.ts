import { createServer } from '../../server/server.ts';
import type { Limits } from '../../shared/protocol/limits.ts';
import type { RunConfigInput } from '../../server/config.ts';
import { FederatedClient } from '../../client/node.ts';
import type { TrainRequest } from '../../client/trainer.ts';
import { simpleClient } from './federation.ts';

/**
 * A server or a client in a process of its own, whose calendar jumps when it is told to: as by NTP, by hand, or after a long sleep
 * of the machine. What the platform counts on its own monotonic clock (timers, `performance.now`) does not jump, as in life.
 */
export type JumpingTask =
  | { readonly role: 'server'; readonly dataDir: string; readonly limits: Partial<Limits> }
  | { readonly role: 'client'; readonly url: string; readonly seed: number };
export type JumpingOrder =
  | { readonly type: 'jump'; readonly ms: number }
  | { readonly type: 'create'; readonly config: RunConfigInput }
  /** A client ends the training that it is at. */
  | { readonly type: 'train' };
export type JumpingMessage =
  | { readonly type: 'loaded' }
  | { readonly type: 'jumped'; readonly now: number }
  | { readonly type: 'listening'; readonly url: string; readonly joinLink: string; readonly adminToken: string }
  | { readonly type: 'created' }
  | { readonly type: 'training'; readonly round: number }
  | { readonly type: 'state'; readonly state: string; readonly reason: string | null }
  | { readonly type: 'finished' };

let offset = 0;
const { now } = Date;
const real = Date;
globalThis.Date = class extends real {
  constructor(...parts: [] | [number]) {
    super(...((parts.length === 0 ? [now() + offset] : parts) as [number]));
  }
  static override now(): number {
    return now() + offset;
  }
} as DateConstructor;

const say = (message: JumpingMessage): void => void process.send!(message);
const orders: ((order: JumpingOrder) => void)[] = [];
process.once('message', (task: JumpingTask) => {
  process.on('message', (order: JumpingOrder) => {
    if (order.type === 'jump') {
      offset += order.ms;
      say({ type: 'jumped', now: Date.now() });
    }
    for (const each of orders) each(order);
  });
  void (task.role === 'server' ? serve(task) : join(task));
});
process.on('disconnect', () => process.exit(0));
say({ type: 'loaded' });

async function serve({ dataDir, limits }: JumpingTask & { role: 'server' }): Promise<void> {
  const server = await createServer({ dataDir, port: 0, limits });
  orders.push((order) => {
    if (order.type === 'create') void server.operations.create(order.config).then(() => say({ type: 'created' }));
  });
  const { url, joinLink, adminToken } = server;
  say({ type: 'listening', url, joinLink, adminToken });
}

async function join({ url, seed }: JumpingTask & { role: 'client' }): Promise<void> {
  const training = {
    onTrain: ({ round }: TrainRequest) => say({ type: 'training', round }),
    before: () =>
      new Promise<void>((resolve) => {
        orders.push((order) => {
          if (order.type === 'train') resolve();
        });
      }),
  };
  const client = new FederatedClient(simpleClient({ url, seed, training }));
  client.addEventListener('state', (event) => {
    const { state, reason } = (event as CustomEvent<{ state: string; reason: string | null }>).detail;
    say({ type: 'state', state, reason });
  });
  for await (const _ of client.join());
  say({ type: 'finished' });
}
