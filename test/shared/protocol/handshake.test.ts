import { expect } from 'chai';
import { concat, utf8 } from '../../../shared/bytes.ts';
import { fingerprintOf, identityFromSeed } from '../../../shared/crypto/identity.ts';
import type { Primitives, SuiteName } from '../../../shared/crypto/primitives.ts';
import { encodeControl } from '../../../shared/protocol/codec.ts';
import {
  answerHello,
  checkClientProof,
  checkJoinProof,
  encodeRefusal,
  proveClient,
  type ClientProof,
  startHandshake,
} from '../../../shared/protocol/handshake.ts';
import { lowOrder } from '../../vectors/crypto.ts';
import { fromHex } from '../../../shared/bytes.ts';
import { codeOf, implementations, native } from '../../helpers/primitives.ts';

const fill = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const serverIdentity = identityFromSeed(native, fill(1));
const clientIdentity = identityFromSeed(native, fill(2));
const fingerprint = fingerprintOf(native, serverIdentity.publicKey);

const start = (primitives: Primitives = native, suites?: readonly SuiteName[]) =>
  startHandshake({ primitives, ephemeralSecret: fill(3), nonce: fill(4), ...(suites === undefined ? {} : { suites }) });
const answer = (hello: Uint8Array, primitives: Primitives = native, suites?: readonly SuiteName[]) =>
  answerHello({
    primitives,
    identity: identityFromSeed(primitives, fill(1)),
    hello,
    ephemeralSecret: fill(5),
    nonce: fill(6),
    ...(suites === undefined ? {} : { suites }),
  });
/** A client hello with any fields. */
const helloOf = (fields: object): Uint8Array => concat(utf8('FDLM'), Uint8Array.of(1), encodeControl(fields));
const goodFields = { versions: [1], suites: ['nacl-secretbox'], ephemeral: fill(9), nonce: fill(4) };

describe('the handshake', () => {
  for (const client of implementations) {
    for (const server of implementations) {
      it(`gives both sides the same keys, a ${client.name} client and a ${server.name} server`, async () => {
        const { hello, finish } = start(client);
        const { serverHello, handshake } = answer(hello, server);
        const session = finish(serverHello, fingerprint);
        const suite = client === native && server === native ? 'aes-256-gcm' : 'nacl-secretbox';
        expect(session).to.deep.equal({
          version: 1,
          suite,
          transcript: handshake.transcript,
          sendKey: handshake.receiveKey,
          receiveKey: handshake.sendKey,
          serverPublicKey: serverIdentity.publicKey,
        });
        expect(handshake).to.include({ version: 1, suite });
        expect(session.sendKey).not.to.deep.equal(session.receiveKey);
        const proof = await proveClient({
          primitives: client,
          identity: clientIdentity,
          transcript: session.transcript,
        });
        expect(
          codeOf(() => checkClientProof({ primitives: server, transcript: handshake.transcript, proof })),
        ).to.equal(undefined);
      });
    }
  }

  it('gives other keys when any of the secrets or nonces is another', () => {
    const keys = new Set<string>();
    for (const changed of [0, 1, 2, 3, 4]) {
      const one = (position: number): Uint8Array => fill(position === changed ? 99 : 10 + position);
      const { hello } = startHandshake({ primitives: native, ephemeralSecret: one(1), nonce: one(2) });
      const { handshake } = answerHello({
        primitives: native,
        identity: serverIdentity,
        hello,
        ephemeralSecret: one(3),
        nonce: one(4),
      });
      keys.add(handshake.sendKey.join());
    }
    expect(keys.size).to.equal(5);
  });

  it("takes the first of the server's suites that the client has", () => {
    const both = ['nacl-secretbox', 'aes-256-gcm'] as const;
    expect(answer(start(native, both).hello).handshake.suite).to.equal('aes-256-gcm');
    expect(answer(start(native).hello, native, both).handshake.suite).to.equal('nacl-secretbox');
    expect(codeOf(() => answer(start(native, ['aes-256-gcm']).hello, native, ['nacl-secretbox']))).to.equal(
      'NO_COMMON_SUITE',
    );
  });

  it('agrees on version 1 with a client that also speaks later ones and says more', () => {
    const hello = helloOf({ ...goodFields, versions: [7, 2, 1], suites: ['other', 'nacl-secretbox'], more: 'x' });
    expect(answer(hello).handshake).to.include({ version: 1, suite: 'nacl-secretbox' });
    expect(codeOf(() => answer(helloOf({ ...goodFields, versions: [2, 3] })))).to.equal('NO_COMMON_VERSION');
  });

  it('refuses hellos with a field that is missing, of a wrong type, or out of bounds', () => {
    const bad = [
      { versions: [] },
      { versions: [0.5] },
      { versions: [-1] },
      { versions: [65_536] },
      { versions: Array.from({ length: 9 }, () => 1) },
      { versions: 1 },
      { suites: [] },
      { suites: [7] },
      { suites: ['x'.repeat(33)] },
      { suites: Array.from({ length: 9 }, () => 'nacl-secretbox') },
      { ephemeral: new Uint8Array(31) },
      { ephemeral: 'text' },
      { nonce: new Uint8Array(33) },
      { nonce: undefined },
    ];
    for (const fields of bad) {
      expect(codeOf(() => answer(helloOf({ ...goodFields, ...fields })))).to.equal('BAD_HANDSHAKE');
    }
    const hello = helloOf(goodFields);
    for (const bytes of [
      new Uint8Array(0),
      utf8('GET / HTTP/1.1\r\n\r\n'),
      hello.subarray(0, hello.length - 1),
      concat(hello, Uint8Array.of(0)),
      helloOf({ ...goodFields, more: new Uint8Array(5000) }),
    ]) {
      expect(codeOf(() => answer(bytes))).to.equal('BAD_HANDSHAKE');
    }
  });

  it('refuses public keys of low order on both sides', () => {
    for (const point of lowOrder.map(fromHex)) {
      expect(codeOf(() => answer(helloOf({ ...goodFields, ephemeral: point })))).to.equal('BAD_HANDSHAKE');
    }
    // A server that signs a key of low order is dishonest, but its signature is right.
    const { hello, finish } = start();
    const zero = new Uint8Array(32);
    const dishonest: Primitives = { ...native, agreementPublicKey: () => zero, agree: () => fill(7) };
    const { serverHello } = answer(hello, dishonest);
    expect(codeOf(() => finish(serverHello, fingerprint))).to.equal('BAD_HANDSHAKE');
  });

  it('fails with a code when any byte of the server hello is another', () => {
    const { hello } = start();
    const { serverHello } = answer(hello);
    for (let at = 0; at < serverHello.length; at++) {
      for (const flip of [0x01, 0x80]) {
        const changed = new Uint8Array(serverHello);
        changed[at] = changed[at]! ^ flip;
        expect(codeOf(() => start().finish(changed, fingerprint))).to.be.oneOf([
          'BAD_HANDSHAKE',
          'BAD_SIGNATURE',
          'NO_COMMON_VERSION',
          'NO_COMMON_SUITE',
          'WRONG_SERVER',
        ]);
      }
    }
    for (let length = 0; length < serverHello.length; length++) {
      expect(codeOf(() => start().finish(serverHello.subarray(0, length)))).to.be.oneOf([
        'BAD_HANDSHAKE',
        'BAD_SIGNATURE',
      ]);
    }
  });

  it('fails with a code on one of the sides when any byte of the client hello is another', () => {
    const { hello } = start();
    for (let at = 0; at < hello.length; at++) {
      const changed = new Uint8Array(hello);
      changed[at] = changed[at]! ^ 0x01;
      let serverHello = new Uint8Array(0) as Uint8Array;
      const refused = codeOf(() => (serverHello = answer(changed).serverHello));
      if (refused !== undefined) expect(refused).to.be.oneOf(['BAD_HANDSHAKE', 'NO_COMMON_VERSION', 'NO_COMMON_SUITE']);
      else expect(codeOf(() => start().finish(serverHello, fingerprint))).to.equal('BAD_SIGNATURE');
    }
  });

  it('does not let the suites of an offer be taken away on the way', () => {
    const { hello, finish } = start();
    const weaker = helloOf({ ...goodFields, ephemeral: native.agreementPublicKey(fill(3)) });
    expect(hello).not.to.deep.equal(weaker);
    const { serverHello } = answer(weaker);
    expect(codeOf(() => finish(serverHello))).to.equal('BAD_SIGNATURE');
  });

  it('refuses a version or a suite that the client did not offer', () => {
    const { hello, finish } = start(native, ['nacl-secretbox']);
    const forced = helloOf({ ...goodFields, suites: ['aes-256-gcm'] });
    expect(hello.length).to.be.greaterThan(0);
    expect(codeOf(() => finish(answer(forced).serverHello))).to.equal('NO_COMMON_SUITE');
  });

  it('refuses another server than the link names, and takes any without a fingerprint', () => {
    const first = start();
    const { serverHello } = answer(first.hello);
    expect(codeOf(() => first.finish(serverHello, fingerprintOf(native, clientIdentity.publicKey)))).to.equal(
      'WRONG_SERVER',
    );
    expect(codeOf(() => start().finish(serverHello))).to.equal(undefined);
  });

  it('refuses an answer that was meant for another client', () => {
    const other = startHandshake({ primitives: native, ephemeralSecret: fill(3), nonce: fill(77) });
    expect(codeOf(() => start().finish(answer(other.hello).serverHello))).to.equal('BAD_SIGNATURE');
  });

  it('ends once: the ephemeral secret is gone after the answer, right or wrong', () => {
    const { hello, finish } = start();
    const { serverHello } = answer(hello);
    finish(serverHello);
    expect(codeOf(() => finish(serverHello))).to.equal('BAD_STATE');
    const failed = start();
    expect(codeOf(() => failed.finish(new Uint8Array(9)))).to.equal('BAD_HANDSHAKE');
    expect(codeOf(() => failed.finish(serverHello))).to.equal('BAD_STATE');
  });

  it("leaves the caller's secrets as they are", () => {
    const ephemeralSecret = fill(3);
    const { hello, finish } = startHandshake({ primitives: native, ephemeralSecret, nonce: fill(4) });
    finish(answer(hello).serverHello);
    expect(ephemeralSecret).to.deep.equal(fill(3));
  });

  it("throws what the server refused with, without the server's control characters", () => {
    const refusal = encodeRefusal('TOO_MANY_CONNECTIONS', 'full\u001b[2J, come back later');
    expect(() => start().finish(refusal)).to.throw('the server refused: full [2J, come back later');
    expect(codeOf(() => start().finish(refusal))).to.equal('TOO_MANY_CONNECTIONS');
    expect(codeOf(() => start().finish(encodeRefusal('INTERNAL', 'x'.repeat(2000))))).to.equal('INTERNAL');
    const unknown = concat(utf8('FDLM'), Uint8Array.of(3), encodeControl({ code: 'NO_SUCH_CODE', message: '' }));
    expect(codeOf(() => start().finish(unknown))).to.equal('BAD_HANDSHAKE');
  });
});

describe("a client's proof", () => {
  const primitives = native;
  const transcript = fill(8);
  const joinCode = 'ABCD-EFGH-JKMN-PQRS';
  let proof: ClientProof;
  before(async () => {
    proof = await proveClient({ primitives, identity: clientIdentity, transcript, joinCode });
  });

  it('holds for its transcript and no other', () => {
    expect(codeOf(() => checkClientProof({ primitives, transcript, proof }))).to.equal(undefined);
    expect(codeOf(() => checkClientProof({ primitives, transcript: fill(9), proof }))).to.equal('BAD_SIGNATURE');
    const stolen = { ...proof, identity: serverIdentity.publicKey };
    expect(codeOf(() => checkClientProof({ primitives, transcript, proof: stolen }))).to.equal('BAD_SIGNATURE');
  });

  it("is no signature of a server, and a server's is no proof", () => {
    const signature = clientIdentity.sign(concat(utf8('fedloom/1 server hello'), transcript));
    const borrowed = { identity: clientIdentity.publicKey, signature };
    expect(codeOf(() => checkClientProof({ primitives, transcript, proof: borrowed }))).to.equal('BAD_SIGNATURE');
  });

  it('shows the join code for this session and this client alone', () => {
    const { identity } = proof;
    const joinProof = proof.joinProof!;
    const check = (changes: object): boolean =>
      checkJoinProof({ primitives, transcript, identity, joinProof, joinCode, ...changes });
    expect(check({})).to.equal(true);
    expect(check({ joinCode: 'abcdefghjkmnpqrs' })).to.equal(true);
    expect(check({ joinCode: 'ABCD-EFGH-JKMN-PQRT' })).to.equal(false);
    expect(check({ transcript: fill(9) })).to.equal(false);
    expect(check({ identity: serverIdentity.publicKey })).to.equal(false);
    expect(check({ joinProof: joinProof.map((byte, i) => (i === 31 ? byte ^ 1 : byte)) })).to.equal(false);
    expect(check({ joinProof: joinProof.subarray(1) })).to.equal(false);
  });

  it('has no join proof without a code, and the same one on both implementations', async () => {
    expect(await proveClient({ primitives, identity: clientIdentity, transcript })).not.to.have.property('joinProof');
    for (const each of implementations) {
      expect(await proveClient({ primitives: each, identity: clientIdentity, transcript, joinCode })).to.deep.equal(
        proof,
      );
    }
  });
});
