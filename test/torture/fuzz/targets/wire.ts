import { concat, toHex, utf8 } from '../../../../shared/bytes.ts';
import { identityFromSeed } from '../../../../shared/crypto/identity.ts';
import { SealedChannel } from '../../../../shared/protocol/channel.ts';
import { decodeControl, encodeControl } from '../../../../shared/protocol/codec.ts';
import {
  decodeFrame,
  encodeChunkFrame,
  encodeControlFrame,
  encodeControlFrames,
} from '../../../../shared/protocol/frames.ts';
import { answerHello, encodeRefusal, startHandshake } from '../../../../shared/protocol/handshake.ts';
import { newJoinCode, normaliseJoinCode } from '../../../../shared/protocol/join-code.ts';
import { defaultLimits } from '../../../../shared/protocol/limits.ts';
import { formatLink, parseLink } from '../../../../shared/protocol/link.ts';
import { LongMessage } from '../../../../shared/protocol/long-message.ts';
import { checkClientMessage, checkServerMessage } from '../../../../shared/protocol/messages.ts';
import { maxValues } from '../../../../shared/protocol/msgpack-reader.ts';
import { native } from '../../../helpers/primitives.ts';
import { clientExamples, serverExamples } from '../../../vectors/messages.ts';
import { joinFrames, splitFrames } from '../frames-input.ts';
import type { Target } from '../target.ts';

/** The pure readers of the protocol. */

export const must = (isTrue: boolean, what: string): void => {
  if (!isTrue) throw new Error(`broken: ${what}`);
};

const fill = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);
const { maxControlBytes, maxRosterBytes, maxHelloBytes } = defaultLimits;
/** A value of a message takes some 60 bytes in memory, an empty map among them. */
const messageBytes = (length: number): number => length + 64 * Math.min(maxValues, length);

const frame: Target = {
  name: 'frame',
  shape: 'bytes',
  weight: 30,
  seeds: [
    encodeControlFrame({ type: 'ping' }),
    encodeControlFrame(clientExamples[4]!),
    encodeChunkFrame(fill(0xa5, 16), 0, new Uint8Array(8)),
    encodeChunkFrame(fill(0xa5, 16), 2 ** 40, fill(1, 64)),
    ...encodeControlFrames(clientExamples[5]!, { maxControlBytes: 64, chunkBytes: 64 }),
  ],
  codes: ['BAD_FRAME'],
  allowed: (length) => length,
  read(input) {
    const found = decodeFrame(input, 256);
    must(found.payload.length <= input.length - 16, 'no payload is longer than its frame');
    if (found.kind === 'control') return 'control';
    must(Number.isSafeInteger(found.offset) && found.offset >= 0, 'an offset is a whole number');
    if (found.kind === 'chunk')
      must(found.offset % 4 === 0 && found.payload.length <= 256, 'a chunk is aligned and short');
    else must(found.offset + found.payload.length <= found.total, 'a part lies within its message');
    return found.kind;
  },
};

const messages = (side: 'client' | 'server'): Target => ({
  name: `${side}-message`,
  shape: 'msgpack',
  weight: 20,
  seeds: (side === 'client' ? clientExamples : serverExamples).map(encodeControl),
  codes: ['BAD_MESSAGE', 'TOO_LARGE'],
  allowed: (length) => messageBytes(Math.min(length, maxControlBytes)),
  read(input) {
    const value = decodeControl(input, maxControlBytes);
    const message = side === 'client' ? checkClientMessage(value) : checkServerMessage(value);
    const again = decodeControl(encodeControl(message), 2 * maxControlBytes);
    must(JSON.stringify(again) === JSON.stringify(message), 'what is accepted means the same when it is written again');
    return `${message.type} ${Object.keys(message).length}`;
  },
});

/** The largest that a client takes in parts: rosters, with all that is in them. */
const longServerMessage: Target = {
  name: 'long-server-message',
  shape: 'msgpack',
  weight: 1,
  seeds: [
    encodeControl({ ...serverExamples.find(({ type }) => type === 'roster')!, adverts: new Uint8Array(224 * 100) }),
  ],
  codes: ['BAD_MESSAGE', 'TOO_LARGE'],
  allowed: (length) => messageBytes(length),
  read: (input) => checkServerMessage(decodeControl(input, maxRosterBytes)).type,
};

/** Parts in a row: `total` and `offset` of each are 4 bytes of its own, so that a mutation reaches them. */
const reassembly: Target = {
  name: 'reassembly',
  shape: 'frames',
  weight: 14,
  seeds: [
    joinFrames(encodeControlFrames(clientExamples[5]!, { maxControlBytes: 64, chunkBytes: 64 })),
    joinFrames(encodeControlFrames({ type: 'x', fill: fill(1, 1_000) }, { maxControlBytes: 64, chunkBytes: 64 })),
  ],
  codes: ['BAD_FRAME', 'TOO_LARGE'],
  allowed: (length) => length + 8_192,
  read(input) {
    const long = new LongMessage({ maxBytes: 4_096, partBytes: 64 });
    const told = [];
    for (const each of splitFrames(input)) {
      const part = decodeFrame(each, 64);
      if (part.kind !== 'part') continue;
      const whole = long.take(part);
      if (whole === null) continue;
      must(whole.length === part.total, 'a message is as long as it said');
      told.push(whole.length > 64 ? 'long' : 'short');
    }
    return `whole ${told.slice(0, 3).join(' ')}`;
  },
};

const identity = identityFromSeed(native, fill(1));
const start = () => startHandshake({ primitives: native, ephemeralSecret: fill(3), nonce: fill(4) });
const answer = (hello: Uint8Array) =>
  answerHello({ primitives: native, identity, hello, ephemeralSecret: fill(5), nonce: fill(6) });

const clientHello: Target = {
  name: 'client-hello',
  shape: 'bytes',
  weight: 3,
  seeds: [
    start().hello,
    concat(
      utf8('FDLM'),
      Uint8Array.of(1),
      encodeControl({ versions: [3, 2, 1], suites: ['x', 'nacl-secretbox'], ephemeral: fill(9), nonce: fill(8) }),
    ),
  ],
  codes: ['BAD_HANDSHAKE', 'NO_COMMON_VERSION', 'NO_COMMON_SUITE'],
  allowed: (length) => messageBytes(Math.min(length, maxHelloBytes)),
  read(input) {
    const { serverHello, handshake } = answer(input);
    must(serverHello.length <= maxHelloBytes, 'an answer has its limit too');
    return handshake.suite;
  },
};

const right = answer(start().hello).serverHello;
const serverHello: Target = {
  name: 'server-hello',
  shape: 'bytes',
  weight: 2,
  seeds: [right, encodeRefusal('RATE_LIMITED', 'too fast')],
  // A refusal may name any code of the table; those of the corpus and what one flipped letter makes of them.
  codes: ['BAD_HANDSHAKE', 'NO_COMMON_VERSION', 'NO_COMMON_SUITE', 'BAD_SIGNATURE', 'RATE_LIMITED', 'WRONG_SERVER'],
  allowed: (length) => messageBytes(Math.min(length, maxHelloBytes)),
  read(input) {
    start().finish(input);
    must(toHex(input) === toHex(right), 'no other answer makes a session');
    return 'session';
  },
};

const sealedChannel = () =>
  new SealedChannel({ primitives: native, suite: native.suites[0]!, sendKey: fill(1), receiveKey: fill(1) });
const sealed: Uint8Array[] = (() => {
  const channel = sealedChannel();
  return [encodeControlFrame({ type: 'ping' }), encodeChunkFrame(fill(7, 16), 0, fill(2, 64))].map((each) =>
    channel.seal(each),
  );
})();

const channel: Target = {
  name: 'sealed-frames',
  shape: 'frames',
  weight: 8,
  seeds: [joinFrames(sealed)],
  codes: ['BAD_SEAL'],
  allowed: (length) => length + 1_024,
  read(input) {
    const opened = sealedChannel();
    const frames = splitFrames(input);
    for (const [i, each] of frames.entries()) {
      opened.open(each);
      must(i < sealed.length && toHex(each) === toHex(sealed[i]!), 'only the frames of the peer, in their order, open');
    }
    return `${frames.length} opened`;
  },
};

const host = { host: 'fl.example.org', port: 7_400, fingerprint: 'If4x36FUomFia_hUBG_SJw' };
const decoder = new TextDecoder();
const link: Target = {
  name: 'link',
  shape: 'text',
  weight: 8,
  seeds: [
    formatLink({ ...host, joinCode: '0123-4567-89AB-CDEF' }),
    formatLink({ ...host, host: '::1', secure: true }),
    'wss://10.0.0.1/v1',
    'HTTPS://Example.org:443/#If4x36FUomFia_hUBG_SJw',
  ].map(utf8),
  codes: ['BAD_LINK'],
  allowed: (length) => 64 * length + 16_384,
  read(input) {
    const { socketUrl, httpUrl, fingerprint, joinCode } = parseLink(decoder.decode(input));
    must(
      /^wss?:\/\/[^/\s]+\/v1$/.test(socketUrl) && /^https?:\/\/[^/\s]+$/.test(httpUrl),
      'addresses have no path of the link',
    );
    must(joinCode === undefined || normaliseJoinCode(joinCode) === joinCode, 'a join code is in its one form');
    return `${socketUrl.split(':')[0]} ${fingerprint !== undefined} ${joinCode !== undefined}`;
  },
};

const joinCode: Target = {
  name: 'join-code',
  shape: 'text',
  weight: 4,
  seeds: [utf8(newJoinCode(fill(9, 16))), utf8('0l0o iiii-oooo zzzz')],
  codes: ['BAD_LINK'],
  allowed: (length) => 64 * length + 16_384,
  read(input) {
    must(
      /^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$/.test(normaliseJoinCode(decoder.decode(input))),
      'one form',
    );
    return 'code';
  },
};

export const wireTargets: readonly Target[] = [
  frame,
  messages('client'),
  messages('server'),
  longServerMessage,
  reassembly,
  clientHello,
  serverHello,
  channel,
  link,
  joinCode,
];
