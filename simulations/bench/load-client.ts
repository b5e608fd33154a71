import * as crypto from 'node:crypto';
import { WebSocket } from 'ws';
import { identityFromSeed } from '../../shared/crypto/identity.ts';
import { nativePrimitives } from '../../shared/crypto/native.ts';
import { FederatedError } from '../../shared/errors.ts';
import { SealedChannel } from '../../shared/protocol/channel.ts';
import { decodeControl } from '../../shared/protocol/codec.ts';
import { decodeFrame, encodeChunkHeader, encodeControlFrame } from '../../shared/protocol/frames.ts';
import { proveClient, startHandshake } from '../../shared/protocol/handshake.ts';
import { defaultLimits } from '../../shared/protocol/limits.ts';
import { parseLink } from '../../shared/protocol/link.ts';
import type { ClientMessage, ServerMessage } from '../../shared/protocol/messages.ts';

const primitives = nativePrimitives(crypto);
const random = (length: number): Uint8Array => new Uint8Array(crypto.randomBytes(length));

/** Where a client comes from, and what it hears. */
export interface LoadClientOptions {
  readonly joinLink: string;
  /** Address of this machine to connect from, since one has only some 28,000 ports: `127.0.0.2`. */
  readonly from?: string;
  /** 32 bytes; default: a new identity. */
  readonly seed?: Uint8Array;
  /** May be called before `open` has resolved. */
  readonly message: (message: ServerMessage, client: LoadClient) => void;
  readonly closed: () => void;
}

/** The protocol and nothing else: a client of the load benchmark, of which one process has thousands. */
export class LoadClient {
  readonly #socket: WebSocket;
  readonly #channel: SealedChannel;

  /** Opens the blobs. */
  token = '';

  private constructor(socket: WebSocket, channel: SealedChannel) {
    this.#socket = socket;
    this.#channel = channel;
  }

  /** Connects, up to the welcome. @throws FederatedError CONNECTION_LOST */
  static async open({ joinLink, from, seed, message, closed }: LoadClientOptions): Promise<LoadClient> {
    const { socketUrl, fingerprint, joinCode } = parseLink(joinLink);
    const socket = new WebSocket(socketUrl, {
      perMessageDeflate: false,
      skipUTF8Validation: true,
      ...(from === undefined ? {} : { localAddress: from }),
    });
    const lost = new Promise<never>((_, reject) => {
      const fail = (why: string): void => reject(new FederatedError('CONNECTION_LOST', `load: ${why}`));
      socket.once('error', (error) => fail(error.message));
      socket.once('close', (code, reason) => fail(`closed with ${code} ${reason.toString()} in the handshake`));
    });
    lost.catch(() => {}); // when it is open, nobody waits for this any more
    // One listener for all, since two messages may come in one turn: what nobody waits for yet is kept.
    const early: Buffer[] = [];
    let take = (data: Buffer): void => void early.push(data);
    socket.on('message', (data: Buffer) => take(data));
    const heard = (): Promise<Uint8Array> => {
      const next = new Promise<Uint8Array>((resolve) => {
        take = (data) => {
          take = (later) => void early.push(later);
          resolve(data);
        };
      });
      return Promise.race([next, lost]);
    };
    await Promise.race([new Promise((resolve) => socket.once('open', resolve)), lost]);
    const handshake = startHandshake({ primitives, ephemeralSecret: random(32), nonce: random(32) });
    const answer = heard();
    socket.send(handshake.hello);
    const session = handshake.finish(await answer, fingerprint);
    const channel = new SealedChannel({ primitives, ...session });
    const client = new LoadClient(socket, channel);
    const identity = identityFromSeed(primitives, seed ?? random(32));
    const { transcript } = session;
    const code = joinCode === undefined ? {} : { joinCode };
    const proof = await proveClient({ primitives, identity, transcript, ...code });
    const welcome = heard();
    client.send({ type: 'auth', ...proof, software: 'load', backend: 'none', encodings: ['float32'] });
    const first = client.#read(await welcome);
    if (first.type !== 'welcome') throw new FederatedError('CONNECTION_LOST', `load: ${first.type} instead of welcome`);
    client.token = first.token;
    take = (data) => message(client.#read(data), client);
    socket.removeAllListeners('error').on('error', () => {});
    socket.removeAllListeners('close').on('close', closed);
    if (!client.isOpen) queueMicrotask(closed); // it was over before anyone listened
    for (const data of early) take(data);
    return client;
  }

  /** Bytes that wait for a server that does not read. */
  get queued(): number {
    return this.#socket.bufferedAmount;
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  send(message: ClientMessage): void {
    if (this.isOpen) this.#socket.send(this.#channel.seal(encodeControlFrame(message)));
  }

  /** @param sent - called when the operating system has it */
  chunk(upload: Uint8Array, offset: number, payload: Uint8Array, sent?: () => void): void {
    if (!this.isOpen) return;
    const sealed = this.#channel.seal(payload, encodeChunkHeader(upload, offset, payload));
    this.#socket.send(sealed, () => sent?.());
  }

  /** Reads nothing any more. */
  goDeaf(): void {
    this.#socket.pause();
  }

  cut(): void {
    this.#socket.terminate();
  }

  #read(data: Uint8Array): ServerMessage {
    const frame = decodeFrame(this.#channel.open(data), defaultLimits.chunkBytes);
    return decodeControl(frame.payload, defaultLimits.maxRosterBytes) as ServerMessage;
  }
}
