import { expect } from 'chai';
import { concat, toHex, utf8 } from '../../../shared/bytes.ts';
import { identityFromSeed } from '../../../shared/crypto/identity.ts';
import { FederatedError, type ErrorCode } from '../../../shared/errors.ts';
import { SealedChannel } from '../../../shared/protocol/channel.ts';
import { decodeControl, encodeControl } from '../../../shared/protocol/codec.ts';
import { decodeFrame, encodeChunkFrame, encodeControlFrame } from '../../../shared/protocol/frames.ts';
import { answerHello, encodeRefusal, startHandshake } from '../../../shared/protocol/handshake.ts';
import { defaultLimits } from '../../../shared/protocol/limits.ts';
import { formatLink, parseLink } from '../../../shared/protocol/link.ts';
import { checkClientMessage, checkServerMessage } from '../../../shared/protocol/messages.ts';
import { seeded } from '../../../shared/random.ts';
import { mutations } from '../../helpers/fuzz.ts';
import { native } from '../../helpers/primitives.ts';
import { clientExamples, serverExamples } from '../../vectors/messages.ts';

/**
 * Feeds mutated inputs to a reader. Nothing but a FederatedError of the given codes may come out, and both what is
 * accepted and what is refused must occur, or the fuzzer would not reach what it is for.
 */
function fuzz(
  name: string,
  corpus: readonly Uint8Array[],
  count: number,
  codes: readonly ErrorCode[],
  read: (bytes: Uint8Array) => unknown,
): { accepted: number; refused: Map<ErrorCode, number> } {
  for (const bytes of corpus) read(bytes);
  let accepted = 0;
  const refused = new Map<ErrorCode, number>();
  for (const bytes of mutations(seeded('fuzz', name), corpus, count)) {
    try {
      read(bytes);
      accepted++;
    } catch (thrown) {
      const isExpected = thrown instanceof FederatedError && codes.includes(thrown.code);
      if (!isExpected) throw new Error(`${name}: ${toHex(bytes)} gives ${String(thrown)}`, { cause: thrown });
      refused.set(thrown.code, (refused.get(thrown.code) ?? 0) + 1);
    }
  }
  expect(accepted + [...refused.values()].reduce((sum, each) => sum + each, 0)).to.equal(count);
  return { accepted, refused };
}

const fill = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const { maxControlBytes, maxHelloBytes } = defaultLimits;
const identity = identityFromSeed(native, fill(1));
const start = () => startHandshake({ primitives: native, ephemeralSecret: fill(3), nonce: fill(4) });

describe('mutated input', () => {
  it('to the control codec and the checks of client messages ends in BAD_MESSAGE or TOO_LARGE', () => {
    const corpus = clientExamples.map(encodeControl);
    const { accepted, refused } = fuzz('client', corpus, 60_000, ['BAD_MESSAGE', 'TOO_LARGE'], (bytes) =>
      checkClientMessage(decodeControl(bytes, maxControlBytes)),
    );
    expect(accepted).to.be.greaterThan(100);
    expect(refused.get('BAD_MESSAGE')).to.be.greaterThan(10_000);
  });

  it('to the control codec and the checks of server messages ends in BAD_MESSAGE or TOO_LARGE', () => {
    const { accepted } = fuzz(
      'server',
      serverExamples.map(encodeControl),
      60_000,
      ['BAD_MESSAGE', 'TOO_LARGE'],
      (bytes) => checkServerMessage(decodeControl(bytes, maxControlBytes)),
    );
    expect(accepted).to.be.greaterThan(100);
  });

  it('to the codec is either refused or means the same when it is written again', () => {
    const { accepted } = fuzz(
      'codec',
      [...clientExamples, ...serverExamples].map(encodeControl),
      20_000,
      ['BAD_MESSAGE'],
      (bytes) => {
        const value = decodeControl(bytes, maxControlBytes);
        if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return;
        expect(decodeControl(encodeControl(value), 2 * maxControlBytes)).to.deep.equal(value);
      },
    );
    expect(accepted).to.be.greaterThan(100);
  });

  it('to the frame reader ends in BAD_FRAME', () => {
    const upload = new Uint8Array(16).fill(0xa5);
    const corpus = [
      encodeControlFrame({ type: 'ping' }),
      encodeControlFrame(clientExamples[4]!),
      encodeChunkFrame(upload, 0, new Uint8Array(8)),
      encodeChunkFrame(upload, 2 ** 40, new Uint8Array(64).fill(1)),
    ];
    const { accepted } = fuzz('frame', corpus, 60_000, ['BAD_FRAME'], (bytes) => {
      const frame = decodeFrame(bytes, 64);
      if (frame.kind === 'chunk') expect(Number.isSafeInteger(frame.offset) && frame.offset % 4 === 0).to.equal(true);
    });
    expect(accepted).to.be.greaterThan(1_000);
  });

  it('to the server as a hello ends in a refusal of the handshake', () => {
    const more = { versions: [3, 2, 1], suites: ['x', 'nacl-secretbox'], ephemeral: fill(9), nonce: fill(8) };
    const corpus = [start().hello, concat(utf8('FDLM'), Uint8Array.of(1), encodeControl(more))];
    const codes: ErrorCode[] = ['BAD_HANDSHAKE', 'NO_COMMON_VERSION', 'NO_COMMON_SUITE'];
    const { refused } = fuzz('hello', corpus, 12_000, codes, (hello) => {
      const { serverHello } = answerHello({
        primitives: native,
        identity,
        hello,
        ephemeralSecret: fill(5),
        nonce: fill(6),
      });
      expect(serverHello.length).to.be.at.most(maxHelloBytes);
    });
    for (const code of codes) expect(refused.get(code), code).to.be.greaterThan(0);
  });

  it('to a client as the answer of a server never ends in a session', () => {
    const { hello } = start();
    const { serverHello } = answerHello({
      primitives: native,
      identity,
      hello,
      ephemeralSecret: fill(5),
      nonce: fill(6),
    });
    const refusal = encodeRefusal('RATE_LIMITED', 'too fast');
    const codes: ErrorCode[] = [
      'BAD_HANDSHAKE',
      'NO_COMMON_VERSION',
      'NO_COMMON_SUITE',
      'BAD_SIGNATURE',
      'RATE_LIMITED',
    ];
    const { refused } = fuzz('answer', [serverHello], 8_000, codes, (bytes) => {
      start().finish(bytes);
      expect(toHex(bytes)).to.equal(toHex(serverHello)); // a mutation may undo itself
    });
    for (const code of ['BAD_HANDSHAKE', 'NO_COMMON_VERSION', 'BAD_SIGNATURE'] as const)
      expect(refused.get(code), code).to.be.greaterThan(0);
    for (const bytes of mutations(seeded('fuzz', 'refusal'), [refusal], 2_000)) {
      expect(() => start().finish(bytes)).to.throw(FederatedError);
    }
  });

  it('to the reader of links ends in BAD_LINK', () => {
    const host = { host: 'fl.example.org', port: 7_400, fingerprint: 'If4x36FUomFia_hUBG_SJw' };
    const corpus = [
      formatLink({ ...host, joinCode: '0123-4567-89AB-CDEF' }),
      formatLink({ ...host, host: '::1', secure: true }),
      'wss://10.0.0.1/v1',
    ].map(utf8);
    const decoder = new TextDecoder();
    const { accepted } = fuzz('link', corpus, 40_000, ['BAD_LINK'], (bytes) => {
      const link = parseLink(decoder.decode(bytes));
      expect(link.socketUrl).to.match(/^wss?:\/\/[^/]+\/v1$/);
      expect(link.httpUrl).to.match(/^https?:\/\/[^/]+$/);
    });
    expect(accepted).to.be.greaterThan(1_000);
  });

  for (const suite of native.suites) {
    it(`to a channel sealed with ${suite} never opens`, () => {
      const channel = () => new SealedChannel({ primitives: native, suite, sendKey: fill(1), receiveKey: fill(1) });
      const sealed = channel().seal(encodeControlFrame({ type: 'ping' }));
      const { accepted } = fuzz(`channel ${suite}`, [sealed], 12_000, ['BAD_SEAL'], (bytes) => {
        const opened = channel().open(bytes);
        expect(toHex(bytes)).to.equal(toHex(sealed)); // a mutation may undo itself
        expect(opened.length).to.equal(sealed.length - 16);
      });
      expect(accepted).to.be.lessThan(200);
    });
  }
});
