import { Connection, type GatewayContext } from '../../server/gateway/connection.ts';
import type { GatewaySocketEvents } from '../../server/gateway/socket.ts';
import { silentLog } from '../../server/host.ts';
import { createMetrics } from '../../server/metrics.ts';
import { identityFromSeed } from '../../shared/crypto/identity.ts';
import { errorCodeOfClose, type ErrorCode } from '../../shared/errors.ts';
import { clientId } from '../../shared/ids.ts';
import { SealedChannel } from '../../shared/protocol/channel.ts';
import { encodeControlFrame } from '../../shared/protocol/frames.ts';
import { proveClient, startHandshake } from '../../shared/protocol/handshake.ts';
import { defaultLimits, type Limits } from '../../shared/protocol/limits.ts';
import { serverExamples } from '../vectors/messages.ts';
import { native } from './primitives.ts';

const fill = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);

/** The gateway's end of one connection, with a socket and a clock of the test's own. */
export class GatewayEnd {
  now = 1_000;
  bufferedAmount = 0;
  /** The code with which it closed, if it did. */
  code: ErrorCode | undefined;
  terminated = false;
  readonly sent: Uint8Array[] = [];
  readonly heard: string[] = [];
  readonly connection: Connection;
  channel: SealedChannel | null = null;
  #events: GatewaySocketEvents | null = null;
  readonly #timers: { at: number; run: () => void }[] = [];

  constructor(limits: Partial<Limits> = {}) {
    const context: GatewayContext = {
      primitives: native,
      identity: identityFromSeed(native, fill(1)),
      randomBytes: (length) => fill(7, length),
      clock: {
        now: () => this.now,
        steady: () => this.now,
        after: (ms, run) => {
          const timer = { at: this.now + ms, run };
          this.#timers.push(timer);
          return () => void (timer.at = Infinity);
        },
      },
      limits: { ...defaultLimits, ...limits },
      log: silentLog,
      metrics: createMetrics(),
      handler: {
        opened: () => {},
        message: (_, { type }) => this.heard.push(type),
        chunk: () => {
          this.heard.push('chunk');
          return false;
        },
        closed: () => {},
      },
      admit: async () => clientId('ab'.repeat(16)),
      welcome: () => serverExamples[0]!,
      opened: () => {},
      closed: () => {},
      refused: () => {},
    };
    const end = this; // oxlint-disable-line no-this-alias
    this.connection = new Connection(
      {
        get bufferedAmount() {
          return end.bufferedAmount;
        },
        send: (bytes) => this.sent.push(bytes),
        close: (code) => (this.code ??= errorCodeOfClose(code)),
        terminate: () => (this.terminated = true),
        listen: (events) => (this.#events = events),
      },
      '10.0.0.1',
      context,
    );
  }

  receive(bytes: Uint8Array): void {
    this.#events!.message(bytes, true);
  }

  /** Sends a frame as the client that has the keys. */
  frame(bytes: Uint8Array): void {
    this.receive(this.channel!.seal(bytes));
  }

  /** To this time, with what is due until then. */
  pass(ms: number): void {
    this.now += ms;
    for (const timer of this.#timers) {
      if (timer.at > this.now) continue;
      timer.at = Infinity;
      timer.run();
    }
  }

  /** Handshake and auth, up to the welcome. */
  async open(): Promise<this> {
    const handshake = startHandshake({ primitives: native, ephemeralSecret: fill(3), nonce: fill(4) });
    this.receive(handshake.hello);
    const session = handshake.finish(this.sent[0]!);
    this.channel = new SealedChannel({ primitives: native, ...session });
    const identity = identityFromSeed(native, fill(2));
    const proof = await proveClient({ primitives: native, identity, transcript: session.transcript });
    this.frame(encodeControlFrame({ type: 'auth', ...proof, software: 't', backend: 't', encodings: [] }));
    for (let turns = 0; turns < 16 && this.sent.length < 2; turns++) await Promise.resolve();
    return this;
  }
}
