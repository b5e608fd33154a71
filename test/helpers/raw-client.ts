import * as crypto from 'node:crypto';
import { WebSocket } from 'ws';
import { identityFromSeed, type Identity } from '../../shared/crypto/identity.ts';
import { nativePrimitives } from '../../shared/crypto/native.ts';
import { errorCodeOfClose, type ErrorCode } from '../../shared/errors.ts';
import { SealedChannel } from '../../shared/protocol/channel.ts';
import { decodeControl } from '../../shared/protocol/codec.ts';
import { decodeFrame, encodeChunkFrame, encodeControlFrame } from '../../shared/protocol/frames.ts';
import { proveClient, startHandshake } from '../../shared/protocol/handshake.ts';
import { parseLink } from '../../shared/protocol/link.ts';
import type { ClientMessage, MessageOf, ServerMessage } from '../../shared/protocol/messages.ts';
import { floatBytes } from '../../shared/weights.ts';

export const primitives = nativePrimitives(crypto);
export const random = (length: number): Uint8Array => new Uint8Array(crypto.randomBytes(length));
export const newIdentity = (): Identity => identityFromSeed(primitives, random(32));

type Train = MessageOf<ServerMessage, 'train'>;

/** A client that does exactly what a test says, byte by byte: for lies, cuts and repeats that the real client never makes. */
export class RawClient {
  readonly socket: WebSocket;
  channel: SealedChannel | null = null;
  readonly received: ServerMessage[] = [];
  readonly identity: Identity;
  /** How the socket ended. */
  readonly closed: Promise<{ close: number; code: ErrorCode | undefined }>;
  readonly #link: string;
  readonly #waiting = new Set<() => void>();
  #raw: (bytes: Uint8Array) => void = () => {};

  private constructor(link: string, identity: Identity) {
    this.#link = link;
    this.identity = identity;
    this.socket = new WebSocket(parseLink(link).socketUrl, { perMessageDeflate: false });
    this.socket.on('error', () => {});
    this.socket.on('message', (data: Buffer) => {
      if (this.channel === null) return this.#raw(data);
      const frame = decodeFrame(this.channel.open(data), 1e9);
      this.received.push(decodeControl(frame.payload, 1e6) as ServerMessage);
      for (const wake of this.#waiting) wake();
    });
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (close) => {
        resolve({ close, code: errorCodeOfClose(close) });
        for (const wake of this.#waiting) wake();
      });
    });
  }

  /** Only the socket: no handshake. */
  static async connect(link: string, identity = newIdentity()): Promise<RawClient> {
    const client = new RawClient(link, identity);
    await new Promise((resolve, reject) => {
      client.socket.once('open', resolve);
      client.socket.once('error', reject);
    });
    return client;
  }

  /** Handshake and `auth`, up to the welcome. */
  static async open(link: string, identity = newIdentity(), encodings = ['float32']): Promise<RawClient> {
    const client = await RawClient.connect(link, identity);
    await client.shakeHands((auth) => ({ ...auth, encodings }));
    await client.next('welcome');
    return client;
  }

  /** Open, and ready to train. */
  static async ready(link: string, identity?: Identity, encodings?: string[]): Promise<RawClient> {
    const client = await RawClient.open(link, identity, encodings);
    client.send({ type: 'ready' });
    return client;
  }

  async shakeHands(change: (auth: MessageOf<ClientMessage, 'auth'>) => object = (auth) => auth): Promise<void> {
    const { fingerprint, joinCode } = parseLink(this.#link);
    const handshake = startHandshake({ primitives, ephemeralSecret: random(32), nonce: random(32) });
    const answer = new Promise<Uint8Array>((resolve) => {
      this.#raw = resolve;
    });
    this.socket.send(handshake.hello);
    const session = handshake.finish(await answer, fingerprint);
    this.channel = new SealedChannel({ primitives, ...session });
    const proof = await proveClient({
      primitives,
      identity: this.identity,
      transcript: session.transcript,
      ...(joinCode === undefined ? {} : { joinCode }),
    });
    this.sendAny(change({ type: 'auth', ...proof, software: 'test', backend: 'test', encodings: ['float32'] }));
  }

  send(message: ClientMessage): void {
    this.sendAny(message);
  }

  sendAny(message: object): void {
    this.sendPlain(encodeControlFrame(message));
  }

  /** Seals and sends a frame. */
  sendPlain(frame: Uint8Array): void {
    this.socket.send(this.channel!.seal(frame));
  }

  /** The first message of this type, past or to come, from `from` on; rejects when the socket closes before. */
  async next<T extends ServerMessage['type']>(
    type: T,
    fits: (message: MessageOf<ServerMessage, T>) => boolean = () => true,
  ): Promise<MessageOf<ServerMessage, T>> {
    for (;;) {
      const found = this.received.find(
        (message) => message.type === type && fits(message as MessageOf<ServerMessage, T>),
      );
      if (found !== undefined) return found as MessageOf<ServerMessage, T>;
      if (this.socket.readyState === WebSocket.CLOSED)
        throw new Error(`closed before ${type}; got ${this.received.map((m) => m.type).join(' ')}`);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }

  /** Offers an update for a `train` message. */
  offer(train: Train, changes: Partial<MessageOf<ClientMessage, 'report'>> = {}): Uint8Array {
    const upload = changes.upload ?? random(16);
    const { run, round, attempt, weightsBytes } = train;
    this.send({
      type: 'report',
      run,
      round,
      attempt,
      upload,
      bytes: weightsBytes,
      examples: 10,
      encoding: 'float32',
      metrics: {},
      ...changes,
    });
    return upload;
  }

  /** Offers an update and sends it when asked. */
  async report(
    train: Train,
    delta: Float32Array,
    changes: Partial<MessageOf<ClientMessage, 'report'>> = {},
  ): Promise<void> {
    const upload = this.offer(train, changes);
    const name = Buffer.from(upload).toString('hex');
    await this.next('send', (message) => Buffer.from(message.upload).toString('hex') === name);
    this.sendPlain(encodeChunkFrame(upload, 0, floatBytes(delta)));
  }

  /** Cuts the connection without a goodbye. */
  cut(): void {
    this.socket.terminate();
  }
}
