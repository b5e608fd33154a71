import { connect, createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** A way to a server on which, once so many bytes have gone up over one connection, nothing goes up any more. */
export class NarrowProxy {
  /** Bytes up, per connection. */
  limit = Infinity;
  readonly port: number;
  readonly #sockets: Set<Socket>;
  readonly #stop: () => void;
  readonly #stalled: Promise<void>;

  private constructor(port: number, sockets: Set<Socket>, stop: () => void, stalled: Promise<void>) {
    this.port = port;
    this.#sockets = sockets;
    this.#stop = stop;
    this.#stalled = stalled;
  }

  static async open(serverPort: number, limit: number): Promise<NarrowProxy> {
    const sockets = new Set<Socket>();
    let stall = (): void => {};
    const stalled = new Promise<void>((resolve) => {
      stall = resolve;
    });
    let proxy: NarrowProxy | null = null;
    const server = createServer((down) => {
      const up = connect(serverPort, '127.0.0.1');
      let sent = 0;
      for (const [socket, other] of [
        [down, up],
        [up, down],
      ] as const) {
        sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          sockets.delete(socket);
          other.destroy();
        });
      }
      down.on('data', (data) => {
        sent += data.length;
        if (sent <= proxy!.limit) up.write(data);
        else stall();
      });
      up.on('data', (data) => down.write(data));
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    proxy = new NarrowProxy((server.address() as AddressInfo).port, sockets, () => server.close(), stalled);
    proxy.limit = limit;
    return proxy;
  }

  /** Resolves once something has been held back. */
  get stalled(): Promise<void> {
    return this.#stalled;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#stop();
  }
}
