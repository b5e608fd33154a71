import { expect } from 'chai';
import { utf8 } from '../../../shared/bytes.ts';
import type { SuiteName } from '../../../shared/crypto/primitives.ts';
import { SealedChannel } from '../../../shared/protocol/channel.ts';
import { codeOf, implementations, native } from '../../helpers/primitives.ts';

const pair = (suite: SuiteName, maxFrames?: number): [SealedChannel, SealedChannel] => {
  const [a, b] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const options = { primitives: native, suite, ...(maxFrames === undefined ? {} : { maxFrames }) };
  return [
    new SealedChannel({ ...options, sendKey: a, receiveKey: b }),
    new SealedChannel({ ...options, sendKey: new Uint8Array(b), receiveKey: new Uint8Array(a) }),
  ];
};
const text = (n: number): Uint8Array => utf8(`message ${n}`);

for (const suite of native.suites) {
  describe(`a channel sealed with ${suite}`, () => {
    it('carries messages both ways in order', () => {
      const [client, server] = pair(suite);
      for (let n = 0; n < 300; n++) {
        expect(server.open(client.seal(text(n)))).to.deep.equal(text(n));
        expect(client.open(server.seal(text(-n)))).to.deep.equal(text(-n));
      }
      expect(server.open(client.seal(new Uint8Array(0)))).to.deep.equal(new Uint8Array(0));
    });

    it('makes the same bytes on every implementation that has the suite', () => {
      const sealed = implementations
        .filter((primitives) => primitives.suites.includes(suite))
        .map((primitives) => {
          const keys = { sendKey: new Uint8Array(32).fill(1), receiveKey: new Uint8Array(32).fill(2) };
          return new SealedChannel({ primitives, suite, ...keys }).seal(text(0));
        });
      for (const each of sealed) expect(each).to.deep.equal(sealed[0]);
    });

    it('counts in the last eight bytes of the nonce, big-endian', () => {
      const [client] = pair(suite);
      const aead = native.aead(suite);
      for (let n = 0; n < 258; n++) {
        const nonce = new Uint8Array(aead.nonceLength);
        nonce[aead.nonceLength - 1] = n & 0xff;
        nonce[aead.nonceLength - 2] = n >> 8;
        expect(client.seal(text(n))).to.deep.equal(aead.seal(new Uint8Array(32).fill(1), nonce, text(n)));
      }
    });

    it('ends at a message that comes twice', () => {
      const [client, server] = pair(suite);
      const first = client.seal(text(1));
      server.open(first);
      expect(codeOf(() => server.open(first))).to.equal('BAD_SEAL');
      expect(codeOf(() => server.open(client.seal(text(2))))).to.equal('BAD_SEAL');
    });

    it('ends at messages in another order, and does not recover with the right one', () => {
      const [client, server] = pair(suite);
      const [first, second] = [client.seal(text(1)), client.seal(text(2))];
      expect(codeOf(() => server.open(second))).to.equal('BAD_SEAL');
      expect(codeOf(() => server.open(first))).to.equal('BAD_SEAL');
    });

    it('ends where a message was left out', () => {
      const [client, server] = pair(suite);
      client.seal(text(1));
      expect(codeOf(() => server.open(client.seal(text(2))))).to.equal('BAD_SEAL');
    });

    it('ends at a message with any bit changed, cut anywhere, or made longer', () => {
      const [client] = pair(suite);
      const sealed = client.seal(text(1));
      for (let at = 0; at < sealed.length; at++) {
        const changed = new Uint8Array(sealed);
        changed[at] = changed[at]! ^ (1 << (at % 8));
        expect(codeOf(() => pair(suite)[1].open(changed))).to.equal('BAD_SEAL');
        expect(codeOf(() => pair(suite)[1].open(sealed.subarray(0, at)))).to.equal('BAD_SEAL');
      }
      expect(codeOf(() => pair(suite)[1].open(new Uint8Array([...sealed, 0])))).to.equal('BAD_SEAL');
      expect(codeOf(() => pair(suite)[1].open(sealed))).to.equal(undefined);
    });

    it('ends at its own messages sent back', () => {
      const [client] = pair(suite);
      expect(codeOf(() => client.open(client.seal(text(1))))).to.equal('BAD_SEAL');
    });

    it('can still say goodbye after a bad message, until it is closed', () => {
      const [client, server] = pair(suite);
      expect(codeOf(() => server.open(new Uint8Array(40)))).to.equal('BAD_SEAL');
      expect(client.open(server.seal(text(1)))).to.deep.equal(text(1));
      server.close();
      expect(codeOf(() => server.seal(text(2)))).to.equal('BAD_STATE');
      expect(codeOf(() => server.open(client.seal(text(2))))).to.equal('BAD_SEAL');
    });

    it('stops after as many messages as one key may seal', () => {
      const [client, server] = pair(suite, 3);
      for (let n = 0; n < 3; n++) server.open(client.seal(text(n)));
      expect(codeOf(() => client.seal(text(3)))).to.equal('SEAL_EXHAUSTED');
      expect(codeOf(() => client.seal(text(3)))).to.equal('SEAL_EXHAUSTED');
      expect(codeOf(() => server.open(new Uint8Array(40)))).to.equal('SEAL_EXHAUSTED');
      expect(client.open(server.seal(text(0)))).to.deep.equal(text(0)); // the other direction has its own count
    });

    it('overwrites its keys when it is closed', () => {
      const keys = { sendKey: new Uint8Array(32).fill(1), receiveKey: new Uint8Array(32).fill(2) };
      const channel = new SealedChannel({ primitives: native, suite, ...keys });
      channel.close();
      channel.close();
      expect(keys).to.deep.equal({ sendKey: new Uint8Array(32), receiveKey: new Uint8Array(32) });
      expect(codeOf(() => channel.seal(text(1)))).to.equal('BAD_STATE');
      expect(codeOf(() => channel.open(text(1)))).to.equal('BAD_STATE');
    });
  });
}
