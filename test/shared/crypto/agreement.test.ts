import { expect } from 'chai';
import fc from 'fast-check';
import { portable } from '../../../shared/crypto/portable.ts';
import { implementations, native } from '../../helpers/primitives.ts';

const bytes = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength });
const bytes32 = bytes(32);
/** Plain JavaScript takes milliseconds for each operation on a curve. */
const few = { numRuns: 15 };

describe('the portable and the native primitives', () => {
  it('hash, derive and authenticate alike', () =>
    fc.assert(
      fc.property(bytes(0, 300), bytes(0, 100), bytes(0, 40), fc.integer({ min: 1, max: 200 }), (a, b, c, length) => {
        expect(native.sha256(a)).to.deep.equal(portable.sha256(a));
        expect(native.hmac(b, a)).to.deep.equal(portable.hmac(b, a));
        expect(native.hkdf(a, b, c, length)).to.deep.equal(portable.hkdf(a, b, c, length));
      }),
    ));

  it('sign alike, and accept and refuse the same signatures', () =>
    fc.assert(
      fc.property(bytes32, bytes(0, 100), fc.nat(63), fc.nat(7), (seed, message, at, bit) => {
        const publicKey = native.signingPublicKey(seed);
        const signature = native.sign(seed, message);
        expect(portable.signingPublicKey(seed)).to.deep.equal(publicKey);
        expect(portable.sign(seed, message)).to.deep.equal(signature);
        const changed = new Uint8Array(signature);
        changed[at] = changed[at]! ^ (1 << bit);
        for (const primitives of implementations) {
          expect(primitives.verify(publicKey, message, signature)).to.equal(true);
          expect(primitives.verify(publicKey, message, changed)).to.equal(false);
        }
      }),
      few,
    ));

  it('judge any bytes as a public key and a signature alike', () =>
    fc.assert(
      fc.property(bytes32, bytes(64), bytes(0, 8), (key, signature, message) => {
        expect(native.verify(key, message, signature)).to.equal(portable.verify(key, message, signature));
      }),
      few,
    ));

  it('agree on one secret from any two keys, on any side', () =>
    fc.assert(
      fc.property(bytes32, bytes32, (a, b) => {
        const [publicA, publicB] = [native.agreementPublicKey(a), portable.agreementPublicKey(b)];
        expect(portable.agreementPublicKey(a)).to.deep.equal(publicA);
        const shared = native.agree(a, publicB);
        expect(portable.agree(b, publicA)).to.deep.equal(shared);
        expect(portable.agree(a, publicB)).to.deep.equal(shared);
      }),
      few,
    ));

  it('follow a secret whose bytes change in place', () => {
    const secret = new Uint8Array(32).fill(1);
    const before = native.agreementPublicKey(secret);
    secret.fill(2);
    expect(native.agreementPublicKey(secret)).not.to.deep.equal(before);
    expect(native.agreementPublicKey(secret)).to.deep.equal(portable.agreementPublicKey(secret));
  });

  for (const suite of native.suites) {
    it(`open what either sealed with ${suite}, and nothing else`, () => {
      const sealers = implementations.filter((each) => each.suites.includes(suite)).map((each) => each.aead(suite));
      const { nonceLength } = sealers[0]!;
      fc.assert(
        fc.property(
          bytes32,
          bytes(nonceLength),
          bytes(0, 200),
          fc.nat(),
          fc.nat(7),
          (key, nonce, plaintext, where, bit) => {
            const sealed = sealers[0]!.seal(key, nonce, plaintext);
            expect(sealed.length).to.equal(plaintext.length + 16);
            const changed = new Uint8Array(sealed);
            const at = where % sealed.length;
            changed[at] = changed[at]! ^ (1 << bit);
            for (const aead of sealers) {
              expect(aead.seal(key, nonce, plaintext)).to.deep.equal(sealed);
              expect(aead.open(key, nonce, changed)).to.equal(null);
              expect(aead.open(key, nonce, sealed.subarray(0, where % sealed.length))).to.equal(null);
              const opened = aead.open(key, nonce, sealed)!;
              expect(opened).to.deep.equal(plaintext);
              expect(opened.constructor).to.equal(Uint8Array);
              expect(opened.byteOffset % 4).to.equal(0);
            }
          },
        ),
      );
    });
  }
});
