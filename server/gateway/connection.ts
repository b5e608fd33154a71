import type { Identity } from '../../shared/crypto/identity.ts';
import type { GeneratorName, Primitives, RandomBytes } from '../../shared/crypto/primitives.ts';
import { asFederatedError, closeCodeOf, FederatedError, type ErrorCode } from '../../shared/errors.ts';
import { giveBack } from '../../shared/give-back.ts';
import type { ClientId } from '../../shared/ids.ts';
import { SealedChannel } from '../../shared/protocol/channel.ts';
import { decodeControl } from '../../shared/protocol/codec.ts';
import { generatorsIn } from '../../shared/protocol/encodings.ts';
import { decodeFrame, encodeControlFrames } from '../../shared/protocol/frames.ts';
import { answerHello, encodeRefusal } from '../../shared/protocol/handshake.ts';
import type { Limits } from '../../shared/protocol/limits.ts';
import { LongMessage } from '../../shared/protocol/long-message.ts';
import {
  checkClientMessage,
  type ClientMessage,
  type MessageOf,
  type ServerMessage,
} from '../../shared/protocol/messages.ts';
import type { Clock, Log } from '../host.ts';
import type { Metrics } from '../metrics.ts';
import type { Session, SessionHandler } from './session.ts';
import type { GatewaySocket } from './socket.ts';
import { TokenBucket } from './token-bucket.ts';

/** What every connection of a gateway shares. */
export interface GatewayContext {
  readonly primitives: Primitives;
  readonly identity: Identity;
  readonly randomBytes: RandomBytes;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly handler: SessionHandler;
  /** @throws FederatedError when the client may not take part */
  admit(auth: MessageOf<ClientMessage, 'auth'>, transcript: Uint8Array): Promise<ClientId>;
  welcome(connection: Connection, ticket: Uint8Array | undefined): ServerMessage;
  opened(connection: Connection): void;
  closed(connection: Connection, id: ClientId | null): void;
  refused(connection: Connection, error: FederatedError): void;
}

const empty = new Uint8Array(0);
const nothing = (): void => {};
const notIntroduced = { label: '', backend: '', software: '', generators: [] };

type Stage = 'hello' | 'auth' | 'admitting' | 'open' | 'closed';

/** One WebSocket, from its first byte to its last: handshake, admission, then an open session. */
export class Connection implements Session {
  readonly address: string;
  readonly #socket: GatewaySocket;
  readonly #context: GatewayContext;
  readonly #bucket: TokenBucket;
  readonly #long: LongMessage;
  #stage: Stage = 'hello';
  #channel: SealedChannel | null = null;
  #transcript: Uint8Array = empty;
  #cancelHello: () => void;
  #id: ClientId | null = null;
  #auth: Pick<Session, 'label' | 'backend' | 'software' | 'generators'> = notIntroduced;
  #lastSeen: number;
  #lastSent: number;
  /** Bytes of chunks that belonged to no upload, in a row. */
  #stray = 0;
  /** So many are suffered: none before the client was first told to send something. */
  #mayStray = 0;

  constructor(socket: GatewaySocket, address: string, context: GatewayContext) {
    const now = context.clock.steady();
    this.#socket = socket;
    this.#context = context;
    this.address = address;
    const { maxLongBytes, chunkBytes } = context.limits;
    this.#long = new LongMessage({ maxBytes: maxLongBytes, partBytes: chunkBytes });
    this.#bucket = new TokenBucket(context.limits.controlRate, context.limits.controlBurst, now);
    this.#lastSeen = now;
    this.#lastSent = now;
    this.#cancelHello = context.clock.after(context.limits.helloTimeout, () =>
      this.end('HELLO_TIMEOUT', `no complete handshake within ${context.limits.helloTimeout} ms`),
    );
    socket.listen({
      message: (data, isBinary) => this.#receive(data, isBinary),
      closed: () => this.#closed(),
      failed: (error) => context.log.debug({ address, stage: this.#stage }, `socket: ${error.message}`),
    });
  }

  get id(): ClientId {
    if (this.#id === null) throw new FederatedError('INTERNAL', 'connection: not admitted yet');
    return this.#id;
  }

  get label(): string {
    return this.#auth.label;
  }

  get backend(): string {
    return this.#auth.backend;
  }

  get software(): string {
    return this.#auth.software;
  }

  get generators(): readonly GeneratorName[] {
    return this.#auth.generators;
  }

  get lastSeen(): number {
    const { clock } = this.#context;
    return clock.now() - (clock.steady() - this.#lastSeen);
  }

  get isPending(): boolean {
    return this.#stage === 'hello' || this.#stage === 'auth' || this.#stage === 'admitting';
  }

  send(message: ServerMessage): void {
    if (this.#stage === 'closed' || this.#channel === null) return;
    if (this.#socket.bufferedAmount > this.#context.limits.maxQueuedBytes) {
      this.#context.log.warn({ client: this.#id }, 'the client does not read what it is sent; its session ends');
      this.#socket.terminate();
      return;
    }
    // What is on its way when an upload ends is no fault; more than a window or two of it is.
    if (message.type === 'send') this.#mayStray = 2 * this.#context.limits.windowBytes;
    for (const frame of encodeControlFrames(message, this.#context.limits)) this.#transmit(this.#channel.seal(frame));
  }

  end(code: ErrorCode, message: string, retryAfter?: number): void {
    if (this.#stage === 'closed') return;
    try {
      this.#farewell(code, message, retryAfter);
    } catch (error) {
      this.#context.log.debug({ code }, `no farewell: ${asFederatedError(error).message}`); // the keys are used up
    }
    this.#stage = 'closed';
    this.#cancelHello();
    this.#socket.close(closeCodeOf(code), code);
    // A peer that does not answer the close is cut off.
    this.#cancelHello = this.#context.clock.after(1_000, () => this.#socket.terminate());
  }

  #farewell(code: ErrorCode, message: string, retryAfter: number | undefined): void {
    if (this.#channel === null) this.#transmit(encodeRefusal(code, message));
    else
      this.send({
        type: 'error',
        code,
        message: message.slice(0, 512),
        ...(retryAfter === undefined ? {} : { retryAfter }),
      });
  }

  /** Sends a ping when nothing was sent for a while; ends a session that has been silent too long. @param now - of the steady clock */
  beat(now: number, wasHeldUp: boolean): void {
    const { heartbeat, heartbeatMisses } = this.#context.limits;
    if (this.#stage !== 'open') return;
    if (!wasHeldUp && now - this.#lastSeen > heartbeat * heartbeatMisses) {
      this.end('HEARTBEAT_TIMEOUT', `nothing heard for ${now - this.#lastSeen} ms`);
      this.#socket.terminate();
    } else if (now - this.#lastSent >= heartbeat) this.send({ type: 'ping' });
  }

  #transmit(bytes: Uint8Array): void {
    this.#lastSent = this.#context.clock.steady();
    this.#context.metrics.bytes('down', bytes.length);
    this.#socket.send(bytes);
  }

  #receive(data: Uint8Array, isBinary: boolean): void {
    if (this.#stage === 'closed') return;
    this.#lastSeen = this.#context.clock.steady();
    this.#context.metrics.bytes('up', data.length);
    try {
      if (!isBinary) throw new FederatedError('BAD_FRAME', 'expected a binary message, got text');
      if (this.#stage === 'open') this.#receiveOpen(data);
      else this.#receivePending(data);
    } catch (thrown) {
      const error = asFederatedError(thrown);
      if (error.code === 'INTERNAL') this.#context.log.error({ stack: error.stack }, error.message);
      this.#context.refused(this, error);
      this.end(error.code, error.message);
    }
  }

  #receivePending(data: Uint8Array): void {
    const { limits, primitives, identity, randomBytes } = this.#context;
    if (data.length > limits.maxHelloBytes) {
      throw new FederatedError('TOO_LARGE', `handshake: ${data.length} bytes, at most ${limits.maxHelloBytes}`);
    }
    if (this.#stage === 'hello') {
      const ephemeralSecret = randomBytes(32);
      const nonce = randomBytes(32);
      const { serverHello, handshake } = answerHello({ primitives, identity, hello: data, ephemeralSecret, nonce });
      this.#transmit(serverHello);
      this.#transcript = handshake.transcript;
      this.#channel = new SealedChannel({ primitives, ...handshake });
      this.#stage = 'auth';
      return;
    }
    if (this.#stage !== 'auth') throw new FederatedError('UNEXPECTED_MESSAGE', 'expected nothing before the welcome');
    const frame = decodeFrame(this.#channel!.open(data), limits.chunkBytes);
    if (frame.kind !== 'control') throw new FederatedError('UNEXPECTED_MESSAGE', 'expected auth, got a chunk');
    const message = checkClientMessage(decodeControl(frame.payload, limits.maxControlBytes));
    if (message.type !== 'auth') throw new FederatedError('UNEXPECTED_MESSAGE', `expected auth, got ${message.type}`);
    this.#stage = 'admitting';
    this.#admit(message).catch((thrown: unknown) => {
      const error = asFederatedError(thrown);
      this.#context.refused(this, error);
      this.end(error.code, error.message);
    });
  }

  async #admit(auth: MessageOf<ClientMessage, 'auth'>): Promise<void> {
    const id = await this.#context.admit(auth, this.#transcript);
    if (this.#stage !== 'admitting') return; // closed in the meantime
    this.#id = id;
    const { label = '', backend, software, encodings } = auth;
    this.#auth = { label, backend, software, generators: generatorsIn(encodings) };
    this.#stage = 'open';
    this.#cancelHello();
    // What the handshake needed goes: thousands of connections keep what their fields hold.
    this.#cancelHello = nothing;
    this.#transcript = empty;
    this.send(this.#context.welcome(this, auth.ticket));
    this.#context.opened(this);
  }

  #receiveOpen(data: Uint8Array): void {
    const { limits, handler } = this.#context;
    const frame = decodeFrame(this.#channel!.open(data), limits.chunkBytes);
    if (frame.kind === 'chunk') {
      // A million chunks of one value each would cost the server a million times the work of one.
      const short = frame.payload.length < Math.min(limits.chunkBytes, limits.shortChunkBytes);
      if (short) this.#charge();
      this.#stray = handler.chunk(this, frame.tag, frame.offset, frame.payload)
        ? 0
        : this.#stray + frame.payload.length;
      giveBack(frame.payload);
      if (this.#stray > this.#mayStray) {
        throw new FederatedError('RATE_LIMITED', `${this.#stray} bytes of chunks that nobody asked for`);
      }
      return;
    }
    this.#charge();
    const long = frame.kind === 'part';
    const payload = long ? this.#long.take(frame) : frame.payload;
    if (payload === null) return;
    const message = checkClientMessage(decodeControl(payload, long ? limits.maxLongBytes : limits.maxControlBytes));
    if (message.type === 'auth') throw new FederatedError('UNEXPECTED_MESSAGE', 'auth comes once, before the welcome');
    if (message.type !== 'ping') handler.message(this, message);
    if (message.type === 'leave') this.#socket.close(1000, 'left');
  }

  /** @throws FederatedError RATE_LIMITED */
  #charge(): void {
    if (this.#bucket.take(this.#lastSeen)) return;
    const { controlRate } = this.#context.limits;
    throw new FederatedError('RATE_LIMITED', `more than ${controlRate} control messages and short chunks a second`);
  }

  #closed(): void {
    this.#cancelHello();
    this.#stage = 'closed';
    this.#channel?.close();
    this.#context.closed(this, this.#id);
  }
}
