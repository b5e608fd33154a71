import { asFederatedError, errorCodeOfClose, FederatedError, type ErrorCode } from '../shared/errors.ts';
import type { Signer } from '../shared/crypto/identity.ts';
import { usualGenerator } from '../shared/crypto/primitives.ts';
import { SealedChannel } from '../shared/protocol/channel.ts';
import { decodeControl } from '../shared/protocol/codec.ts';
import { encodingsOf } from '../shared/protocol/encodings.ts';
import { decodeFrame, encodeChunkHeader, encodeControlFrames } from '../shared/protocol/frames.ts';
import { proveClient, startHandshake } from '../shared/protocol/handshake.ts';
import { defaultLimits } from '../shared/protocol/limits.ts';
import { LongMessage } from '../shared/protocol/long-message.ts';
import type { ParsedLink } from '../shared/protocol/link.ts';
import {
  checkServerMessage,
  type ClientMessage,
  type MessageOf,
  type ServerMessage,
} from '../shared/protocol/messages.ts';
import { version } from '../shared/version.ts';
import type { ClientPlatform, Socket } from './platform.ts';

export interface ConnectionOptions {
  readonly platform: ClientPlatform;
  readonly identity: Signer;
  readonly link: ParsedLink;
  readonly label: string;
  readonly backend: string;
  /** From the session before, to take its place again. */
  readonly ticket: Uint8Array | null;
}

export interface ConnectionEvents {
  /** What has been handed to the socket: a message by its name, in so many bytes. */
  sent(name: string, bytes: number, message?: ClientMessage): void;
  /** The first one is `welcome`. */
  message(message: ServerMessage): void;
  /**
   * Once. Nothing comes after it.
   * @param isSure - what ended it came under the seal of this session: neither damage nor anyone on the way can have made it
   */
  closed(code: ErrorCode, message: string, isSure: boolean): void;
}

/** One WebSocket to the server, from the handshake to its end. */
export class ClientConnection {
  readonly #options: ConnectionOptions;
  readonly #events: ConnectionEvents;
  readonly #handshake: ReturnType<typeof startHandshake>;
  readonly #socket: Socket;
  #channel: SealedChannel | null = null;
  #serverPublicKey: Uint8Array | null = null;
  #long: LongMessage | null = null;
  #welcome: MessageOf<ServerMessage, 'welcome'> | null = null;
  #lastHeard: number;
  #lastSent: number;
  #cancelTimer: () => void;
  #closed = false;

  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    const { platform, link } = options;
    this.#options = options;
    this.#events = events;
    const { primitives, randomBytes, clock } = platform;
    this.#lastHeard = clock.steady();
    this.#lastSent = this.#lastHeard;
    this.#handshake = startHandshake({ primitives, ephemeralSecret: randomBytes(32), nonce: randomBytes(32) });
    this.#socket = platform.openSocket(link.socketUrl, {
      opened: () => this.#events.sent('hello', this.#transmit(this.#handshake.hello)),
      message: (bytes) => this.#receive(bytes),
      closed: (code, reason, refusal) => {
        if (refusal !== undefined) return this.#end(refusal.code, refusal.message);
        const ours = errorCodeOfClose(code);
        if (ours !== undefined) this.#end(ours, reason || ours);
        else this.#end('CONNECTION_LOST', `the connection to ${link.socketUrl} was lost (close code ${code})`);
      },
    });
    this.#cancelTimer = clock.after(2 * defaultLimits.helloTimeout, () =>
      this.#end('HELLO_TIMEOUT', 'the server did not complete the handshake in time'),
    );
  }

  send(message: ClientMessage): void {
    if (this.#closed || this.#channel === null) return;
    const { maxControlBytes } = defaultLimits;
    const { chunkBytes } = this.#welcome ?? defaultLimits;
    let bytes = 0;
    for (const frame of encodeControlFrames(message, { maxControlBytes, chunkBytes })) {
      bytes += this.#transmit(this.#channel.seal(frame));
    }
    this.#events.sent(message.type, bytes, message);
  }

  /** Ed25519, 32 bytes; null before the handshake. */
  get serverPublicKey(): Uint8Array | null {
    return this.#serverPublicKey;
  }

  /** Sends bytes [from, to) of an update in chunks. */
  sendChunks(upload: Uint8Array, bytes: Uint8Array, from: number, to: number): void {
    if (this.#closed || this.#channel === null || this.#welcome === null) return;
    const { chunkBytes } = this.#welcome;
    for (let offset = from; offset < to; offset += chunkBytes) {
      const payload = bytes.subarray(offset, Math.min(to, offset + chunkBytes));
      const sealed = this.#channel.seal(payload, encodeChunkHeader(upload, offset, payload));
      this.#events.sent('chunk', this.#transmit(sealed));
    }
  }

  close(): void {
    this.#end('ABORTED', 'closed by this client');
  }

  /** @returns bytes */
  #transmit(bytes: Uint8Array): number {
    this.#lastSent = this.#options.platform.clock.steady();
    this.#socket.send(bytes);
    return bytes.length;
  }

  #receive(bytes: Uint8Array): void {
    if (this.#closed) return;
    this.#lastHeard = this.#options.platform.clock.steady();
    let opened: Uint8Array | null = null;
    try {
      if (this.#channel === null) this.#finishHandshake(bytes);
      else this.#receiveOpened((opened = this.#channel.open(bytes)));
    } catch (thrown) {
      this.#fail(thrown, opened !== null);
    }
  }

  #fail(thrown: unknown, isSure: boolean): void {
    const { code, message } = asFederatedError(thrown);
    this.#end(code, message, isSure);
  }

  #finishHandshake(bytes: Uint8Array): void {
    const session = this.#handshake.finish(bytes, this.#options.link.fingerprint);
    this.#channel = new SealedChannel({ primitives: this.#options.platform.primitives, ...session });
    this.#serverPublicKey = session.serverPublicKey;
    this.#authenticate(session.transcript).catch((thrown: unknown) => this.#fail(thrown, false));
  }

  async #authenticate(transcript: Uint8Array): Promise<void> {
    const { platform, identity, link, label, backend, ticket } = this.#options;
    const { primitives } = platform;
    const joinCode = link.joinCode === undefined ? {} : { joinCode: link.joinCode };
    const proof = await proveClient({ primitives, identity, transcript, ...joinCode });
    this.send({
      type: 'auth',
      ...proof,
      ...(ticket === null ? {} : { ticket }),
      software: `fedloom/${version}`,
      backend: backend.slice(0, 64),
      encodings: encodingsOf(platform.generators ?? [usualGenerator]),
      label: label.slice(0, 64),
    });
  }

  #receiveOpened(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes, this.#welcome?.chunkBytes ?? defaultLimits.chunkBytes);
    if (frame.kind === 'chunk') throw new FederatedError('UNEXPECTED_MESSAGE', 'a server sends no chunks');
    const { maxControlBytes, maxRosterBytes } = defaultLimits;
    const long = frame.kind === 'part';
    if (long && this.#long === null)
      throw new FederatedError('UNEXPECTED_MESSAGE', 'a long message before the welcome');
    const payload = long ? this.#long!.take(frame) : frame.payload;
    if (payload === null) return;
    const message = checkServerMessage(decodeControl(payload, long ? maxRosterBytes : maxControlBytes));
    if (this.#welcome === null) {
      if (message.type === 'error') return this.#end(message.code, message.message, message.code !== 'BAD_FRAME');
      if (message.type !== 'welcome')
        throw new FederatedError('UNEXPECTED_MESSAGE', `expected welcome, got ${message.type}`);
      const { chunkBytes, windowBytes, heartbeat } = message;
      if (chunkBytes < 4 || chunkBytes % 4 !== 0 || windowBytes < chunkBytes || heartbeat < 1) {
        throw new FederatedError('BAD_MESSAGE', 'welcome: impossible chunk, window or heartbeat');
      }
      this.#welcome = message;
      this.#long = new LongMessage({ maxBytes: maxRosterBytes, partBytes: chunkBytes });
      this.#watch();
    } else if (message.type === 'welcome') {
      throw new FederatedError('UNEXPECTED_MESSAGE', 'a second welcome');
    }
    if (message.type !== 'ping') this.#events.message(message);
  }

  /** Heartbeats both ways: says something when nothing was said, and gives up on a server that is silent too long. */
  #watch(): void {
    const { clock } = this.#options.platform;
    const { heartbeat } = this.#welcome!;
    this.#cancelTimer();
    const pause = Math.max(10, heartbeat / 4);
    const due = clock.steady() + pause;
    this.#cancelTimer = clock.after(pause, () => {
      const now = clock.steady();
      // A device that slept has read nothing meanwhile: the server is not silent before what has arrived is read.
      const wasHeldUp = now - due > heartbeat;
      if (!wasHeldUp && now - this.#lastHeard > heartbeat * defaultLimits.heartbeatMisses) {
        this.#end('HEARTBEAT_TIMEOUT', `nothing heard from the server for ${now - this.#lastHeard} ms`);
        return;
      }
      if (now - this.#lastSent >= heartbeat) this.send({ type: 'ping' });
      this.#watch();
    });
  }

  #end(code: ErrorCode, message: string, isSure = false): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelTimer();
    this.#socket.close();
    this.#channel?.close();
    this.#events.closed(code, message, isSure);
  }
}
