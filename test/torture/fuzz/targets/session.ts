import { Connection, type GatewayContext } from '../../../../server/gateway/connection.ts';
import type { GatewaySocketEvents } from '../../../../server/gateway/socket.ts';
import { silentLog } from '../../../../server/host.ts';
import { createMetrics } from '../../../../server/metrics.ts';
import { ClientConnection } from '../../../../client/connection.ts';
import { memoryStore } from '../../../../client/memory-store.ts';
import type { ClientPlatform, SocketEvents } from '../../../../client/platform.ts';
import { identityFromSeed } from '../../../../shared/crypto/identity.ts';
import { errorCodeOfClose, FederatedError, type ErrorCode } from '../../../../shared/errors.ts';
import { clientId } from '../../../../shared/ids.ts';
import { SealedChannel } from '../../../../shared/protocol/channel.ts';
import { decodeControl } from '../../../../shared/protocol/codec.ts';
import {
  decodeFrame,
  encodeChunkFrame,
  encodeControlFrame,
  encodeControlFrames,
} from '../../../../shared/protocol/frames.ts';
import { answerHello, proveClient, startHandshake } from '../../../../shared/protocol/handshake.ts';
import { defaultLimits } from '../../../../shared/protocol/limits.ts';
import { parseLink } from '../../../../shared/protocol/link.ts';
import type { ServerMessage } from '../../../../shared/protocol/messages.ts';
import { maxValues } from '../../../../shared/protocol/msgpack-reader.ts';
import { native } from '../../../helpers/primitives.ts';
import { clientExamples, serverExamples } from '../../../vectors/messages.ts';
import { joinFrames, splitFrames } from '../frames-input.ts';
import { remembering } from '../remembering.ts';
import type { Target } from '../target.ts';
import { must } from './wire.ts';

/**
 * Both ends of a session, as they are: a peer that has the keys, and so can seal what it likes, sends frames that make no sense. The
 * end under test must stay silent or end the session with a code.
 */

const primitives = remembering(native);
const fill = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);
const serverIdentity = identityFromSeed(primitives, fill(1));
const clientIdentity = identityFromSeed(primitives, fill(2));
const clock = { now: () => 1_000, steady: () => 1_000, after: () => () => {} };
const chunk = encodeChunkFrame(fill(0xa0, 16), 0, fill(1, 64));
/** Messages of the largest kind, and what it takes to send some of them. */
const allowed = (length: number): number =>
  2 * length + 64 * Math.min(64 * maxValues, length) + defaultLimits.maxLongBytes + 65_536;

/** The next turn of promises. */
const soon = (): Promise<void> => Promise.resolve();

interface Ended {
  code: ErrorCode | undefined;
}

/** What an end may say when the other breaks the rules. */
const codes: readonly ErrorCode[] = [
  'BAD_FRAME',
  'BAD_MESSAGE',
  'UNEXPECTED_MESSAGE',
  'TOO_LARGE',
  'RATE_LIMITED',
  'BAD_HANDSHAKE',
  'BAD_SEAL',
  'NO_COMMON_VERSION',
  'NO_COMMON_SUITE',
  'BAD_SIGNATURE',
];

function gatewaySide(ended: Ended, heard: string[], used = primitives) {
  let events: GatewaySocketEvents | null = null;
  const sent: Uint8Array[] = [];
  const context: GatewayContext = {
    primitives: used,
    identity: serverIdentity,
    randomBytes: (length) => fill(7, length),
    clock,
    limits: { ...defaultLimits, controlBurst: 40, chunkBytes: 256, windowBytes: 1_024 },
    log: silentLog,
    metrics,
    handler: {
      opened: () => heard.push('opened'),
      message: (_, { type }) => heard.push(type),
      chunk: () => heard.push('chunk') < 0,
      closed: () => heard.push('closed'),
    },
    admit: async () => clientId('ab'.repeat(16)),
    welcome: () => serverExamples[0]!,
    opened: () => {},
    closed: () => {},
    refused: () => {},
  };
  const connection = new Connection(
    {
      bufferedAmount: 0,
      send: (bytes) => sent.push(bytes),
      close: (code) => (ended.code ??= errorCodeOfClose(code)),
      terminate: () => {},
      listen: (given) => (events = given),
    },
    '10.0.0.1',
    context,
  );
  return { connection, events: events! as GatewaySocketEvents, sent };
}
const metrics = createMetrics();

/** A session that is open as far as the server is concerned. */
async function opened(ended: Ended, heard: string[]) {
  const { events, sent } = gatewaySide(ended, heard);
  const handshake = startHandshake({ primitives, ephemeralSecret: fill(3), nonce: fill(4) });
  events.message(handshake.hello, true);
  const session = handshake.finish(sent[0]!);
  const channel = new SealedChannel({ primitives, ...session });
  const proof = await proveClient({ primitives, identity: clientIdentity, transcript: session.transcript });
  return { events, sent, channel, auth: { type: 'auth', ...proof, software: 't', backend: 't', encodings: [] } };
}

const outcome = ({ code }: Ended, heard: readonly string[]): string => {
  if (code !== undefined)
    throw new FederatedError(code, `the session ends after ${[...new Set(heard)].slice(0, 3).join(' ')}`);
  return [...new Set(heard)].slice(0, 4).join(' ');
};

const gateway: Target = {
  name: 'gateway-session',
  shape: 'frames',
  weight: 1.5,
  seeds: [
    joinFrames(clientExamples.slice(1).map(encodeControlFrame)),
    joinFrames([chunk, encodeControlFrame({ type: 'ping' }), chunk]),
    joinFrames(encodeControlFrames(clientExamples[5]!, { maxControlBytes: 64, chunkBytes: 256 })),
  ],
  codes,
  allowed,
  async read(input) {
    const ended: Ended = { code: undefined };
    const heard: string[] = [];
    const { events, sent, channel, auth } = await opened(ended, heard);
    events.message(channel.seal(encodeControlFrame(auth)), true);
    for (let turns = 0; turns < 16 && sent.length < 2; turns++) await soon();
    must(ended.code === undefined && sent.length === 2, 'an honest client gets in');
    for (const frame of splitFrames(input, 48)) events.message(channel.seal(frame), true);
    return outcome(ended, heard);
  },
};

/** Before anybody is known: hello and auth, in whatever bytes. */
const strangers: Target = {
  name: 'gateway-strangers',
  shape: 'frames',
  weight: 3,
  seeds: [
    joinFrames([
      startHandshake({ primitives, ephemeralSecret: fill(3), nonce: fill(4) }).hello,
      encodeControlFrame(clientExamples[0]!),
    ]),
  ],
  codes,
  allowed,
  read(input) {
    const ended: Ended = { code: undefined };
    const heard: string[] = [];
    const { events } = gatewaySide(ended, heard, native); // every hello is another
    for (const frame of splitFrames(input)) events.message(frame, frame.length % 7 !== 6);
    must(!heard.includes('opened'), 'nobody gets in without a key');
    return outcome(ended, heard);
  },
};

/** A lying server, against the client's connection. */
const client: Target = {
  name: 'client-connection',
  shape: 'frames',
  weight: 1.5,
  seeds: [
    joinFrames(serverExamples.map(encodeControlFrame)),
    joinFrames([
      encodeControlFrame(serverExamples[0]!),
      ...encodeControlFrames(
        { type: 'finished', run: 'x'.repeat(60), rounds: 1, state: 'stopped' },
        { maxControlBytes: 8, chunkBytes: 262_144 },
      ),
    ]),
  ],
  codes,
  allowed,
  async read(input) {
    const sent: Uint8Array[] = [];
    let events: SocketEvents | null = null;
    const heard: string[] = [];
    let ended: ErrorCode | undefined;
    const platform: ClientPlatform = {
      primitives,
      randomBytes: (length) => fill(3, length),
      clock,
      store: memoryStore(),
      openSocket: (_, given) => {
        events = given;
        return { send: (bytes) => sent.push(bytes), close: () => {} };
      },
      download: () => Promise.reject(new Error('no')),
      readings: () => Promise.reject(new Error('no')),
      createTrainer: () => {
        throw new Error('no');
      },
    };
    const link = parseLink('ws://127.0.0.1:1');
    const options = { platform, identity: clientIdentity, link, label: '', backend: 't', ticket: null };
    new ClientConnection(options, {
      sent: () => {},
      message: ({ type }: ServerMessage) => heard.push(type),
      closed: (code) => (ended = code),
    });
    const told = events! as SocketEvents;
    told.opened();
    const reply = answerHello({
      primitives,
      identity: serverIdentity,
      hello: sent[0]!,
      ephemeralSecret: fill(5),
      nonce: fill(6),
    });
    told.message(reply.serverHello);
    for (let turns = 0; turns < 8 && sent.length < 2; turns++) await soon();
    const channel = new SealedChannel({ primitives, ...reply.handshake });
    const auth = decodeControl(decodeFrame(channel.open(sent[1]!), 256).payload, 4_096) as { type: string };
    must(auth.type === 'auth', 'a client says who it is');
    const said = serverCodes(input);
    for (const frame of splitFrames(input, 48)) told.message(channel.seal(frame));
    must(heard.length === 0 || heard[0] === 'welcome', 'nothing comes before the welcome');
    // What a server gives as its reason is its own word.
    return said.has(String(ended)) ? `told ${ended}` : outcome({ code: ended }, heard);
  },
};

/** The codes that the server itself names in its frames. */
function serverCodes(input: Uint8Array): Set<string> {
  const text = Buffer.from(input).toString('latin1');
  return new Set([...text.matchAll(/[A-Z]+(?:_[A-Z]+)*/g)].map(([code]) => code));
}

export const sessionTargets: readonly Target[] = [gateway, strangers, client];
