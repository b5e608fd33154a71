import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { equalBytes, toBase64Url } from '../../shared/bytes.ts';
import type { Identity } from '../../shared/crypto/identity.ts';
import type { Primitives } from '../../shared/crypto/primitives.ts';
import type { ClientId } from '../../shared/ids.ts';
import { maxBufferedChunks, maxFragments } from '../../shared/protocol/limits.ts';
import type { ServerMessage } from '../../shared/protocol/messages.ts';
import { version } from '../../shared/version.ts';
import type { Host } from '../host.ts';
import { keepNewest } from '../keep-newest.ts';
import { admit, type AdmissionOptions } from './admission.ts';
import { Connection, type GatewayContext } from './connection.ts';
import type { SessionHandler } from './session.ts';
import { WsSocket, type GatewaySocket } from './socket.ts';

export interface GatewayOptions {
  readonly host: Host;
  readonly identity: Identity;
  readonly primitives: Primitives;
  readonly admission: Pick<AdmissionOptions, 'mode' | 'joinCode'>;
  readonly handler: SessionHandler;
  /** Web origins that may connect, beside pages of this server itself: `https://app.example`. */
  readonly allowedOrigins: readonly string[];
}

/** Clients whose tickets are remembered, some 300 bytes each; one that comes back later only does not hear "resumed". */
const keptTickets = 20_000;

/** Header, seal and some room above the largest payload. */
const frameOverhead = 64;

/** For sockets with an error. Not a closure, which would keep the request with all its headers as long as its socket lives. */
function destroy(this: Duplex): void {
  this.destroy();
}

/** Takes WebSocket connections at `/v1`, holds the sessions, and keeps them alive or ends them. */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #context: GatewayContext;
  readonly #sockets: WebSocketServer;
  readonly #connections = new Set<Connection>();
  readonly #pendingByAddress = new Map<string, number>();
  readonly #sessions = new Map<ClientId, Connection>();
  readonly #tokens = new Map<string, Connection>();
  readonly #tokenOf = new Map<Connection, string>();
  readonly #tickets = new Map<ClientId, Uint8Array>();
  #cancelBeat: () => void = () => {};
  /** Connections that have not had their turn at this time round. */
  #due: Connection[] = [];
  /** Turns of this time round, and connections in each. */
  #turns = 1;
  #turn = 0;
  #closed = false;

  constructor(options: GatewayOptions) {
    this.#options = options;
    const { host, identity, primitives, handler, admission } = options;
    const { clock, randomBytes, limits, log, metrics, store } = host;
    this.#context = {
      primitives,
      identity,
      randomBytes,
      clock,
      limits,
      log,
      metrics,
      handler,
      admit: (auth, transcript) => admit(auth, transcript, { ...admission, primitives, store, now: () => clock.now() }),
      welcome: (connection, ticket) => this.#welcome(connection, ticket),
      opened: (connection) => this.#opened(connection),
      closed: (connection, id) => this.#forget(connection, id),
      refused: (connection, error) => {
        metrics.refused(error.code);
        log.warn({ address: connection.address, code: error.code }, error.message);
      },
    };
    this.#sockets = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      maxPayload: Math.max(limits.chunkBytes, limits.maxControlBytes, limits.maxHelloBytes) + frameOverhead,
      maxFragments,
      maxBufferedChunks,
      skipUTF8Validation: true,
      clientTracking: false,
    });
    this.#beat();
  }

  attach(server: Server): void {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', destroy);
      const refusal = this.#refuseUpgrade(request);
      if (refusal !== null) {
        socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
        socket.off('error', destroy); // the WebSocket has its own by now
        this.accept(new WsSocket(webSocket), request.socket.remoteAddress ?? '');
      });
    });
  }

  /** Takes an open socket. @param address - that it comes from */
  accept(socket: GatewaySocket, address: string): void {
    this.#pendingByAddress.set(address, (this.#pendingByAddress.get(address) ?? 0) + 1);
    this.#connections.add(new Connection(socket, address, this.#context));
  }

  /** The client that a blob token was given to, or undefined. */
  clientOfToken(token: string): ClientId | undefined {
    return this.#tokens.get(token)?.id;
  }

  /** Open connections, whether authenticated or not. */
  get size(): number {
    return this.#connections.size;
  }

  /** Entries of each thing that is held: where a leak would show. */
  sizes(): Record<'connections' | 'pendingAddresses' | 'sessions' | 'tokens' | 'tickets', number> {
    return {
      connections: this.#connections.size,
      pendingAddresses: this.#pendingByAddress.size,
      sessions: this.#sessions.size,
      tokens: this.#tokens.size,
      tickets: this.#tickets.size,
    };
  }

  close(): void {
    this.#closed = true;
    this.#cancelBeat();
    for (const connection of this.#connections) connection.end('SERVER_STOPPING', 'the server is stopping', 1_000);
    this.#sockets.close();
  }

  #refuseUpgrade(request: IncomingMessage): string | null {
    const { limits } = this.#context;
    const path = (request.url ?? '').split('?', 1)[0];
    if (path !== '/v1') return '404 Not Found';
    if (this.#closed || this.#connections.size >= limits.maxConnections) return '503 Service Unavailable';
    const pending = this.#pendingByAddress.get(request.socket.remoteAddress ?? '') ?? 0;
    if (pending >= limits.maxPendingPerAddress) return '429 Too Many Requests';
    const { origin, host } = request.headers;
    // A browser always says where the page comes from; Node clients do not, and prove who they are by their key.
    if (origin === undefined) return null;
    const own = origin === `http://${host}` || origin === `https://${host}`;
    return own || this.#options.allowedOrigins.includes(origin) ? null : '403 Forbidden';
  }

  #welcome(connection: Connection, theirs: Uint8Array | undefined): ServerMessage {
    const { randomBytes, limits } = this.#context;
    const last = this.#tickets.get(connection.id);
    const ticket = randomBytes(32);
    keepNewest(this.#tickets, connection.id, ticket, keptTickets);
    const token = toBase64Url(randomBytes(24));
    this.#tokens.set(token, connection);
    this.#tokenOf.set(connection, token);
    return {
      type: 'welcome',
      client: connection.id,
      ticket,
      token,
      resumed: last !== undefined && theirs !== undefined && equalBytes(last, theirs),
      heartbeat: limits.heartbeat,
      chunkBytes: limits.chunkBytes,
      windowBytes: limits.windowBytes,
      software: `fedloom/${version}`,
    };
  }

  #opened(connection: Connection): void {
    this.#settlePending(connection);
    const before = this.#sessions.get(connection.id);
    this.#sessions.set(connection.id, connection);
    this.#context.handler.opened(connection);
    before?.end('SESSION_REPLACED', 'this identity has connected again from elsewhere');
  }

  #forget(connection: Connection, id: ClientId | null): void {
    if (!this.#connections.delete(connection)) return;
    this.#settlePending(connection);
    const token = this.#tokenOf.get(connection);
    if (token !== undefined) this.#tokens.delete(token);
    this.#tokenOf.delete(connection);
    if (id === null) return;
    if (this.#sessions.get(id) === connection) this.#sessions.delete(id);
    this.#context.handler.closed(connection);
  }

  readonly #settled = new WeakSet<Connection>();

  #settlePending(connection: Connection): void {
    if (this.#settled.has(connection)) return;
    this.#settled.add(connection);
    const left = (this.#pendingByAddress.get(connection.address) ?? 1) - 1;
    if (left <= 0) this.#pendingByAddress.delete(connection.address);
    else this.#pendingByAddress.set(connection.address, left);
  }

  /**
   * Looks at every connection four times a heartbeat; at many of them a few hundred at a time, since ten thousand at once
   * would hold up the loop for a tenth of a second.
   */
  #beat(): void {
    const { clock, limits } = this.#context;
    const pause = Math.max(10, limits.heartbeat / 4 / this.#turns);
    const due = clock.steady() + pause;
    this.#cancelBeat = clock.after(pause, () => {
      const now = clock.steady();
      // A process that was held up has read nothing meanwhile: nobody is silent before what has arrived is read.
      const wasHeldUp = now - due > limits.heartbeat;
      // A list for each time round: an iterator that is kept would hold on to connections that are long gone.
      if (this.#due.length === 0) {
        this.#due = [...this.#connections];
        this.#turns = Math.min(16, Math.max(1, Math.ceil(this.#due.length / 256)));
        this.#turn = Math.ceil(this.#due.length / this.#turns);
      }
      for (const connection of this.#due.splice(0, this.#turn)) connection.beat(now, wasHeldUp);
      if (!this.#closed) this.#beat();
    });
  }
}
