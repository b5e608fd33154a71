import type { Signer } from '../shared/crypto/identity.ts';
import type { ClientMessage, MessageOf, ServerMessage } from '../shared/protocol/messages.ts';
import { ClientConnection, type ConnectionEvents, type ConnectionOptions } from './connection.ts';

export interface LinkEvents extends ConnectionEvents {
  /** Before the message itself. @param server - its Ed25519 public key */
  welcomed(welcome: MessageOf<ServerMessage, 'welcome'>, server: Uint8Array): void;
}

/** The way to the server: one connection after the other, each with the ticket of the one before. */
export class ServerLink {
  readonly #options: Pick<ConnectionOptions, 'platform' | 'link' | 'label'>;
  readonly #events: LinkEvents;
  #connection: ClientConnection | null = null;
  #server: Uint8Array | null = null;
  #ticket: Uint8Array | null = null;

  constructor(options: Pick<ConnectionOptions, 'platform' | 'link' | 'label'>, events: LinkEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** The public key of the server that was reached last: rounds of another are other rounds. */
  get server(): Uint8Array | null {
    return this.#server;
  }

  /** Begins a new connection; of the one before nothing comes any more. */
  open(identity: Signer, backend: string): void {
    const isCurrent = (): boolean => this.#connection === connection;
    const connection: ClientConnection = new ClientConnection(
      { ...this.#options, identity, backend, ticket: this.#ticket },
      {
        sent: (name, bytes, message) => this.#events.sent(name, bytes, message),
        message: (message) => {
          if (!isCurrent()) return;
          if (message.type === 'welcome') {
            this.#server = connection.serverPublicKey!;
            this.#ticket = message.ticket;
            this.#events.welcomed(message, this.#server);
          }
          this.#events.message(message);
        },
        closed: (code, message, isSure) => {
          if (!isCurrent()) return;
          this.#connection = null;
          this.#events.closed(code, message, isSure);
        },
      },
    );
    this.#connection = connection;
  }

  send(message: ClientMessage): void {
    this.#connection?.send(message);
  }

  /** Sends the bytes from `from` to `to` (exclusive) of an upload. */
  sendChunks(upload: Uint8Array, bytes: Uint8Array, from: number, to: number): void {
    this.#connection?.sendChunks(upload, bytes, from, to);
  }

  close(): void {
    this.#connection?.close();
    this.#connection = null;
  }

  /** The next connection is that of a stranger. */
  forgetTicket(): void {
    this.#ticket = null;
  }
}
