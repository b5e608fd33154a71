import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';

/** What a machine does without Fedloom: WebSockets that nobody speaks on, and bytes that are read and thrown away. */

export type BaselineOrder =
  | { readonly type: 'listen' }
  | { readonly type: 'sample' }
  /** Sends so many bytes in messages of `chunk` bytes to a listening process, and ends when the last is acknowledged. */
  | {
      readonly type: 'stream';
      readonly kind: 'tcp' | 'ws';
      readonly port: number;
      readonly bytes: number;
      readonly chunk: number;
    };

export type BaselineMessage =
  | { readonly type: 'listening'; readonly tcp: number; readonly ws: number }
  | { readonly type: 'sample'; readonly cpu: number; readonly rss: number; readonly connections: number }
  | { readonly type: 'streamed'; readonly seconds: number };

const say = (message: BaselineMessage): void => void process.send!(message);
let connections = 0;

process.on('disconnect', () => process.exit(0));
process.on('message', (order: BaselineOrder) => {
  if (order.type === 'listen') void listen();
  else if (order.type === 'stream') void stream(order);
  else {
    globalThis.gc?.();
    const { user, system } = process.cpuUsage();
    const { rss } = process.memoryUsage();
    say({ type: 'sample', cpu: (user + system) / 1000, rss, connections });
  }
});

/** Both answer one byte to each 256 KiB, or message. */
async function listen(): Promise<void> {
  const tcp = createServer((socket) => {
    let unanswered = 0;
    socket.on('error', () => {});
    socket.on('data', (data) => {
      for (unanswered += data.length; unanswered >= 262_144; unanswered -= 262_144) socket.write('.');
    });
  });
  const http = createHttpServer();
  const sockets = new WebSocketServer({ server: http, perMessageDeflate: false, clientTracking: false });
  sockets.on('connection', (socket) => {
    connections++;
    socket.on('error', () => {});
    socket.on('close', () => connections--);
    socket.on('message', (data: Buffer) => {
      if (data.length > 1_000) socket.send('.');
    });
  });
  const listening = (server: typeof tcp): Promise<number> =>
    new Promise((resolve) => {
      server.listen({ host: '127.0.0.1', port: 0, backlog: 8_192 }, () =>
        resolve((server.address() as AddressInfo).port),
      );
    });
  say({ type: 'listening', tcp: await listening(tcp), ws: await listening(http as unknown as typeof tcp) });
}

async function stream({ kind, port, bytes, chunk }: Extract<BaselineOrder, { type: 'stream' }>): Promise<void> {
  const start = performance.now();
  const messages = Math.ceil(bytes / chunk);
  const data = Buffer.alloc(chunk, 7);
  let sent = 0;
  let answered = 0;
  await new Promise<void>((resolve) => {
    const pump = (write: (data: Buffer) => void): void => {
      // At most 16 messages ahead of the answers: a window of 4 MiB.
      while (sent < messages && sent - answered < 16) {
        write(data);
        sent++;
      }
      if (answered === messages) resolve();
    };
    if (kind === 'tcp') {
      const socket = connect({ port, host: '127.0.0.1' }, () => pump((each) => socket.write(each)));
      socket.on('data', (answers) => {
        answered += answers.length;
        pump((each) => socket.write(each));
      });
    } else {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false });
      socket.on('open', () => pump((each) => socket.send(each)));
      socket.on('message', () => {
        answered++;
        pump((each) => socket.send(each));
      });
    }
  });
  say({ type: 'streamed', seconds: (performance.now() - start) / 1000 });
}
