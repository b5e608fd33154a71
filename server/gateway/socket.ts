import type { WebSocket } from 'ws';

/** A client's WebSocket, reduced to what a connection needs of it. */
export interface GatewaySocket {
  /** Bytes that wait for a client that does not read. */
  readonly bufferedAmount: number;
  /** Does nothing once the socket is closing. */
  send(bytes: Uint8Array): void;
  /** Begins the closing handshake. */
  close(code: number, reason: string): void;
  /** Cuts the connection; `closed` follows. */
  terminate(): void;
  /** Called once, before anything else. */
  listen(events: GatewaySocketEvents): void;
}

export interface GatewaySocketEvents {
  message(data: Uint8Array, isBinary: boolean): void;
  /** Once, however it ended; nothing comes after it. */
  closed(): void;
  /** Always followed by `closed`. */
  failed(error: Error): void;
}

/** A WebSocket of `ws`. */
export const wsSocket = (socket: WebSocket): GatewaySocket => ({
  get bufferedAmount() {
    return socket.bufferedAmount;
  },
  send: (bytes) => socket.send(bytes),
  close: (code, reason) => socket.close(code, reason),
  terminate: () => socket.terminate(),
  listen({ message, closed, failed }) {
    socket.on('message', (data: Buffer, isBinary: boolean) => message(data, isBinary));
    socket.on('close', closed);
    socket.on('error', failed);
  },
});
