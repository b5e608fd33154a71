import { WebSocket } from 'ws';
import { honest, liar, slowReader, type Behaviour } from './load-behaviour.ts';
import { LoadClient } from './load-client.ts';

/** Thousands of clients in one process, for the load benchmark, which talks to it by IPC. */

export interface LoadSwarmTask {
  readonly type: 'open';
  readonly joinLink: string;
  /** Names of the clients: `first` to `first + clients - 1`. */
  readonly first: number;
  readonly clients: number;
  /** This machine's address that they come from. */
  readonly from: string;
  /** Handshakes at once. */
  readonly atOnce: number;
  readonly behaviour: 'idle' | 'honest' | 'liar' | 'slow-reader' | 'bare';
  /** Parameters of the model. */
  readonly params: number;
  /** SHA-256 of a model, in hex. */
  readonly blob: string;
  /** ms between two signs of life of one client */
  readonly heartbeat: number;
}

/** What the clients have seen, since they were asked last. */
export interface LoadSwarmReport {
  readonly type: 'report';
  /** ms from the offer of an update to the word to send it */
  readonly waits: number[];
  /** ms from the last byte of an update to the word that it counts */
  readonly receipts: number[];
  /** ms from a chunk to the acknowledgement of its bytes, where there was one */
  readonly acks: number[];
  readonly committed: number;
  readonly refused: number;
  /** Connections that the server has ended. */
  readonly cutOff: number;
  readonly bytes: number;
  /** ms of CPU time since the process began */
  readonly cpu: number;
}

export type LoadSwarmMessage =
  | { readonly type: 'opened'; readonly handshakes: number[]; readonly seconds: number }
  | LoadSwarmReport
  /** All honest clients of the process have seen their round committed. */
  | { readonly type: 'committed' };

export type LoadSwarmOrder = LoadSwarmTask | { readonly type: 'report' };

const say = (message: LoadSwarmMessage): void => void process.send!(message);

const seen = { waits: [], receipts: [], acks: [], committed: 0, refused: 0, cutOff: 0, bytes: 0 } as {
  -readonly [K in Exclude<keyof LoadSwarmReport, 'type' | 'cpu'>]: LoadSwarmReport[K];
};

process.on('disconnect', () => process.exit(0));
process.on('message', (order: LoadSwarmOrder) => {
  if (order.type === 'open') {
    open(order).catch((error: unknown) => {
      console.error(String(error));
      process.exit(1); // whoever waits for this process hears that it has ended
    });
  } else {
    const { user, system } = process.cpuUsage();
    say({ type: 'report', ...seen, cpu: (user + system) / 1000 });
    Object.assign(seen, { waits: [], receipts: [], acks: [], committed: 0, refused: 0, cutOff: 0, bytes: 0 });
  }
});

async function open(task: LoadSwarmTask): Promise<void> {
  const { first, clients, atOnce, heartbeat, behaviour } = task;
  const opened: { beat(): void }[] = [];
  const handshakes: number[] = [];
  // Signs of life, spread over the time.
  let at = 0;
  let due = 0;
  const tick = Math.min(100, heartbeat / 10);
  setInterval(() => {
    due += (opened.length * tick) / heartbeat;
    for (; due >= 1; due--) opened[at++ % opened.length]?.beat();
  }, tick);
  const start = performance.now();
  let next = first;
  const openSome = async (): Promise<void> => {
    while (next < first + clients) {
      const name = next++;
      const from = performance.now();
      opened.push(behaviour === 'bare' ? await bare(task) : await join(task, name));
      handshakes.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, openSome));
  say({ type: 'opened', handshakes, seconds: (performance.now() - start) / 1000 });
}

/** A WebSocket without our protocol. */
async function bare({ joinLink, from }: LoadSwarmTask): Promise<{ beat(): void }> {
  const socket = new WebSocket(joinLink, { perMessageDeflate: false, localAddress: from });
  socket.on('error', () => {});
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('close', () => reject(new Error('closed while it opened')));
  });
  return { beat: () => socket.send(new Uint8Array(40)) };
}

const counts = {
  waited: (ms: number): void => void seen.waits.push(ms),
  received: (ms: number): void => void seen.receipts.push(ms),
  acked: (ms: number): void => void seen.acks.push(ms),
  committed: (): void => {
    seen.committed++;
    if (++committedInAll === wanted) say({ type: 'committed' });
  },
  refused: (): void => void seen.refused++,
  cutOff: (): void => void seen.cutOff++,
  sent: (bytes: number): void => void (seen.bytes += bytes),
};
let committedInAll = 0;
let wanted = 0;

async function join(task: LoadSwarmTask, name: number): Promise<{ beat(): void }> {
  const { joinLink, from: address, params, behaviour } = task;
  if (behaviour === 'honest') wanted = task.clients;
  const makers: Record<string, () => Behaviour> = {
    honest: () => honest(name, params, counts),
    liar: () => liar(name, params, counts),
    'slow-reader': () => slowReader(task),
    idle: () => ({ start: (client) => client.send({ type: 'ready' }), message: () => {} }),
  };
  const behave = makers[behaviour]!();
  let current: LoadClient | null = null;
  const connect = async (): Promise<void> => {
    const client = await LoadClient.open({
      joinLink,
      from: address,
      message: behave.message,
      closed: () => {
        counts.cutOff();
        current = null;
        // A liar comes again under a new name.
        if (behaviour === 'liar') void connect().catch(() => setTimeout(() => void connect().catch(() => {}), 100));
      },
    });
    current = client;
    behave.start(client);
  };
  await connect();
  return { beat: () => (behave.beat === undefined ? current?.send({ type: 'ping' }) : behave.beat(current)) };
}
