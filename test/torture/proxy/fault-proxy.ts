import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Random } from '../../../shared/random.ts';

/** One connection through the proxy, as a fault sees it. */
export interface Link {
  readonly random: Random;
  /** Bytes that the client has sent, and the server, before the piece at hand. */
  readonly passed: { up: number; down: number };
  /** Passes bytes on to the other side, in the order of the calls. */
  forward(way: Way, bytes: Uint8Array): void;
  /** The same, so many ms after what was forwarded before. */
  later(way: Way, bytes: Uint8Array, ms: number): void;
  /** Ends both sides: by FIN after what is on its way, by RST, or one side's sending only. */
  end(): void;
  reset(): void;
  endOnly(way: Way): void;
  /** A further connection to the server, of its own. */
  another(): Socket;
}

/** `up`: from the client to the server. */
export type Way = 'up' | 'down';

/** What a connection does to the bytes of each way; what is not forwarded is gone. Called once for each piece that is read. */
export interface Fault {
  opened?(link: Link): void;
  piece(link: Link, way: Way, bytes: Uint8Array): void;
}

/** Forwards everything. */
export const clean: Fault = { piece: (link, way, bytes) => link.forward(way, bytes) };

/** A way to a server, over real TCP connections of which each has a fault. */
export class FaultProxy {
  readonly port: number;
  /** Connections made through it. */
  connections = 0;
  readonly #sockets: Set<Socket>;
  readonly #close: () => void;

  private constructor(port: number, sockets: Set<Socket>, close: () => void) {
    this.port = port;
    this.#sockets = sockets;
    this.#close = close;
  }

  /** @param faultOf - of the n-th connection, from 0 */
  static async open(serverPort: number, random: Random, faultOf: (connection: number) => Fault): Promise<FaultProxy> {
    const sockets = new Set<Socket>();
    let proxy: FaultProxy | null = null;
    const track = (socket: Socket): Socket => {
      sockets.add(socket.setNoDelay(true));
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
      return socket;
    };
    const server = createServer({ allowHalfOpen: true }, (client) => {
      const fault = faultOf(proxy!.connections++);
      serve(
        track(client),
        track(connect({ port: serverPort, host: '127.0.0.1', allowHalfOpen: true })),
        fault,
        random,
        () => track(connect(serverPort, '127.0.0.1')),
      );
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    proxy = new FaultProxy((server.address() as AddressInfo).port, sockets, () => server.close());
    return proxy;
  }

  /** Cuts what is open, so that whoever hangs in it notices. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.#close();
    this.cut();
  }
}

function serve(client: Socket, server: Socket, fault: Fault, random: Random, another: () => Socket): void {
  const target: Record<Way, Socket> = { up: server, down: client };
  const passed = { up: 0, down: 0 };
  /** When the last of what was forwarded goes out, ms of `performance.now`. */
  const due: Record<Way, number> = { up: 0, down: 0 };
  const write = (way: Way, bytes: Uint8Array): void => {
    if (target[way].writable) target[way].write(bytes);
  };
  const at = (way: Way, ms: number, run: () => void): void => {
    const now = performance.now();
    due[way] = Math.max(now, due[way]) + ms;
    if (due[way] <= now) run();
    else setTimeout(run, due[way] - now);
  };
  const link: Link = {
    random,
    passed,
    forward: (way, bytes) => at(way, 0, () => write(way, bytes)),
    later: (way, bytes, ms) => at(way, ms, () => write(way, bytes)),
    end: () => (['up', 'down'] as const).forEach((way) => at(way, 0, () => target[way].end())),
    reset() {
      client.resetAndDestroy();
      server.resetAndDestroy();
    },
    endOnly: (way) => at(way, 0, () => target[way].end()),
    another,
  };
  fault.opened?.(link);
  for (const [way, source, other] of [
    ['up', client, server],
    ['down', server, client],
  ] as const) {
    source.on('data', (bytes: Buffer) => {
      fault.piece(link, way, new Uint8Array(bytes));
      passed[way] += bytes.length;
    });
    source.on('end', () => at(way, 0, () => other.end()));
    source.on('close', () => at(way, 0, () => other.destroy()));
  }
}
