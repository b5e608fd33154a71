import type { WebSocket } from 'ws';
import { giveBack } from '../../shared/give-back.ts';

/** Bytes before the payload of a client's frame, at most (RFC 6455, section 5.2). */
const longestHeader = 14;

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
  /** @param data - may be gone when the call returns */
  message(data: Uint8Array, isBinary: boolean): void;
  /** Once, however it ended; nothing comes after it. */
  closed(): void;
  /** Always followed by `closed`. */
  failed(error: Error): void;
}

/** A WebSocket of `ws`. */
export class WsSocket implements GatewaySocket {
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  send(bytes: Uint8Array): void {
    this.#socket.send(bytes);
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  listen({ message, closed, failed }: GatewaySocketEvents): void {
    this.#socket.on('message', (data: Buffer, isBinary: boolean) => {
      message(data, isBinary);
      // Sealed, and opened into memory of its own by now. With more than its own header before it, it shares the memory with an earlier
      // frame, whose payload may still be on its way: the answer to a ping is.
      if (data.byteOffset <= longestHeader) giveBack(data);
    });
    this.#socket.on('close', closed);
    this.#socket.on('error', failed);
  }
}
