import * as crypto from 'node:crypto';
import { expect } from 'chai';
import { concat, fromHex, toHex } from '../../../shared/bytes.ts';
import { portable } from '../../../shared/crypto/portable.ts';
import { webPrimitives, type WebCurves } from '../../../shared/crypto/web.ts';
import type { ClientPrimitives } from '../../../shared/crypto/primitives.ts';
import { codeOf, codeOfLater, implementations, native, web } from '../../helpers/primitives.ts';
import * as vectors from '../../vectors/crypto.ts';

const withTopBit = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === 31 ? byte | 0x80 : byte));

const curves: readonly (readonly [string, ClientPrimitives])[] = [
  ['portable', portable],
  ['native', native],
  ['web', web],
];
for (const [name, primitives] of curves) {
  describe(`the curves of the ${name} primitives`, () => {
    it('agree with RFC 7748, section 5.2, on X25519', async () => {
      for (const { scalar, u, result } of vectors.x25519) {
        expect(toHex(await primitives.agree(fromHex(scalar), fromHex(u)))).to.equal(result);
      }
    });

    it('agree with RFC 7748, section 5.2, on X25519 repeated', async () => {
      for (const { times, result } of vectors.x25519Iterated) {
        if (times > 1 && name !== 'native') continue; // seconds in plain JavaScript
        let u: Uint8Array = new Uint8Array(32);
        u[0] = 9;
        let k: Uint8Array = new Uint8Array(u);
        for (let i = 0; i < times; i++) [k, u] = [await primitives.agree(k, u), k];
        expect(toHex(k)).to.equal(result);
      }
    });

    it('agree with RFC 7748, section 6.1, on Diffie-Hellman', async () => {
      const { alice, bob, shared } = vectors.diffieHellman;
      for (const { secret, publicKey } of [alice, bob]) {
        expect(toHex(await primitives.agreementPublicKey(fromHex(secret)))).to.equal(publicKey);
      }
      expect(toHex(await primitives.agree(fromHex(alice.secret), fromHex(bob.publicKey)))).to.equal(shared);
      expect(toHex(await primitives.agree(fromHex(bob.secret), fromHex(alice.publicKey)))).to.equal(shared);
    });

    it('refuse every public key of low order, with either top bit, and keys of a wrong length', async () => {
      const secret = fromHex(vectors.diffieHellman.alice.secret);
      for (const u of vectors.lowOrder) {
        const point = fromHex(u);
        expect(await codeOfLater(() => primitives.agree(secret, point))).to.equal('BAD_HANDSHAKE');
        point[31] = point[31]! | 0x80; // a bit that RFC 7748 has everyone ignore
        expect(await codeOfLater(() => primitives.agree(secret, point))).to.equal('BAD_HANDSHAKE');
      }
      for (const length of [0, 31, 33]) {
        expect(await codeOfLater(() => primitives.agree(secret, new Uint8Array(length).fill(9)))).to.equal(
          'BAD_HANDSHAKE',
        );
      }
    });

    it('take the signatures of RFC 8032, section 7.1', async () => {
      for (const { publicKey, message, signature } of vectors.ed25519) {
        expect(await primitives.verify(fromHex(publicKey), fromHex(message), fromHex(signature))).to.equal(true);
      }
    });

    it('take no second signature made from a first, nor one with a bit changed', async () => {
      for (const vector of vectors.ed25519) {
        const [publicKey, message, signature] = [vector.publicKey, vector.message, vector.signature].map(fromHex);
        expect(await primitives.verify(publicKey!, message!, vectors.addOrder(signature!))).to.equal(false);
        for (const at of [0, 31, 32, 63]) {
          const changed = new Uint8Array(signature!);
          changed[at] = changed[at]! ^ 1;
          expect(await primitives.verify(publicKey!, message!, changed)).to.equal(false);
        }
      }
    });

    it('call keys and signatures of any length and content wrong without throwing', async () => {
      const message = new Uint8Array(3);
      for (const fill of [0, 2, 0xff]) {
        for (const [key, signature] of [
          [32, 64],
          [31, 64],
          [33, 64],
          [32, 63],
          [32, 65],
          [0, 0],
        ] as const) {
          const isRight = await primitives.verify(
            new Uint8Array(key).fill(fill),
            message,
            new Uint8Array(signature).fill(fill),
          );
          expect(isRight).to.equal(false);
        }
      }
    });

    it('refuse public keys under which anyone can sign, though the platform takes them', async () => {
      // S = 0 and R = -hA, and hA has low order itself: one of 14 guesses is right for about every eighth message.
      const points = vectors.lowOrderSigning.flatMap((y) => [y, withTopBit(y)]);
      for (const weak of points) {
        const key = crypto.createPublicKey({
          key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(weak).toString('base64url') },
          format: 'jwk',
        });
        let forged = 0;
        for (let i = 0; i < 16; i++) {
          const message = Uint8Array.of(i);
          for (const r of points) {
            const signature = concat(r, new Uint8Array(32));
            if (crypto.verify(null, message, key, signature)) forged++;
            if (i === 0 || name !== 'portable')
              expect(await primitives.verify(weak, message, signature)).to.equal(false);
          }
        }
        // Node 24 (OpenSSL 3.5) refuses them itself.
        if (Number(process.versions.node.split('.')[0]) < 24) expect(forged).to.be.greaterThan(0);
      }
    });

    it('refuse secrets of impossible lengths', async () => {
      const short = new Uint8Array(31);
      expect(await codeOfLater(() => primitives.agreementPublicKey(short))).to.equal('BAD_ARGUMENT');
      expect(await codeOfLater(() => primitives.agree(short, new Uint8Array(32).fill(9)))).to.equal('BAD_ARGUMENT');
    });
  });
}

for (const primitives of implementations) {
  describe(`the ${primitives.name} primitives`, () => {
    it('agree with FIPS 180-4 on SHA-256', () => {
      for (const { data, digest } of vectors.sha256) expect(toHex(primitives.sha256(data))).to.equal(digest);
    });

    it('agree with RFC 4231 on HMAC-SHA256', () => {
      for (const { key, data, mac } of vectors.hmac) expect(toHex(primitives.hmac(key, data))).to.equal(mac);
    });

    it('agree with RFC 5869 on HKDF-SHA256', () => {
      for (const { secret, salt, info, output } of vectors.hkdf) {
        expect(toHex(primitives.hkdf(secret, salt, info, output.length / 2))).to.equal(output);
      }
    });

    it('agree with RFC 8032, section 7.1, on Ed25519', () => {
      for (const { seed, publicKey, message, signature } of vectors.ed25519) {
        expect(toHex(primitives.signingPublicKey(fromHex(seed)))).to.equal(publicKey);
        expect(toHex(primitives.sign(fromHex(seed), fromHex(message)))).to.equal(signature);
        expect(primitives.verify(fromHex(publicKey), fromHex(message), fromHex(signature))).to.equal(true);
      }
    });

    it('agree with "Cryptography in NaCl" on secretbox', () => {
      const { key, nonce, plaintext, sealed } = vectors.secretbox;
      const aead = primitives.aead('nacl-secretbox');
      expect(toHex(aead.seal(fromHex(key), fromHex(nonce), fromHex(plaintext)))).to.equal(sealed);
      expect(toHex(aead.open(fromHex(key), fromHex(nonce), fromHex(sealed))!)).to.equal(plaintext);
    });

    it('refuse secrets, keys, nonces and derivations of impossible lengths', () => {
      const short = new Uint8Array(31);
      const whole = new Uint8Array(32);
      const aead = primitives.aead('nacl-secretbox');
      const calls = [
        () => primitives.signingPublicKey(short),
        () => primitives.sign(short, whole),
        () => primitives.agreementPublicKey(short),
        () => primitives.agree(short, whole.fill(9)),
        () => primitives.hkdf(whole, whole, whole, 255 * 32 + 1),
        () => primitives.hkdf(whole, whole, whole, 0),
        () => primitives.hkdf(whole, whole, new Uint8Array(1025), 32),
        () => aead.seal(short, new Uint8Array(24), whole),
        () => aead.seal(whole, new Uint8Array(12), whole),
        () => aead.open(short, new Uint8Array(24), whole),
        () => aead.open(whole, new Uint8Array(12), whole),
      ];
      for (const call of calls) expect(codeOf(call)).to.equal('BAD_ARGUMENT');
    });
  });
}

describe('AES-256-GCM of the native primitives', () => {
  const aead = native.aead('aes-256-gcm');

  it('agrees with test cases 13 to 15 of McGrew and Viega', () => {
    for (const { key, nonce, plaintext, ciphertext, tag } of vectors.aes256Gcm) {
      expect(toHex(aead.seal(fromHex(key), fromHex(nonce), fromHex(plaintext)))).to.equal(ciphertext + tag);
      expect(toHex(aead.open(fromHex(key), fromHex(nonce), fromHex(ciphertext + tag))!)).to.equal(plaintext);
    }
  });

  it('is not there in the portable ones, which say so', () => {
    expect(codeOf(() => implementations[0]!.aead('aes-256-gcm'))).to.equal('NO_COMMON_SUITE');
  });
});

describe('the web primitives', () => {
  const { alice, bob, shared } = vectors.diffieHellman;
  const [signed] = vectors.ed25519;

  /** WebCrypto without some of its curves, and how often the others were used. */
  function lacking(...missing: string[]): { readonly subtle: WebCurves; readonly used: string[] } {
    const { subtle } = globalThis.crypto;
    const used: string[] = [];
    const importKey = async (...args: Parameters<SubtleCrypto['importKey']>): Promise<CryptoKey> => {
      const name = args[2] as string;
      if (missing.includes(name)) throw new DOMException('Unrecognized name.', 'NotSupportedError');
      used.push(name);
      return subtle.importKey(...args);
    };
    const curves_: WebCurves = {
      importKey: importKey as SubtleCrypto['importKey'],
      verify: (...args) => subtle.verify(...args),
      deriveBits: (...args) => subtle.deriveBits(...args),
    };
    return { subtle: curves_, used };
  }

  for (const [missing, left] of [
    [['Ed25519'], ['X25519']],
    [['X25519'], ['Ed25519']],
    [['Ed25519', 'X25519'], []],
  ] as const) {
    it(`do without ${missing.join(' and ')} where the browser lacks it`, async () => {
      const { subtle, used } = lacking(...missing);
      const primitives = webPrimitives(subtle);
      expect(toHex(await primitives.agreementPublicKey(fromHex(alice.secret)))).to.equal(alice.publicKey);
      expect(toHex(await primitives.agree(fromHex(alice.secret), fromHex(bob.publicKey)))).to.equal(shared);
      const [publicKey, message, signature] = [signed!.publicKey, signed!.message, signed!.signature].map(fromHex);
      expect(await primitives.verify(publicKey!, message!, signature!)).to.equal(true);
      expect([...new Set(used)].sort()).to.deep.equal([...left]);
    });
  }

  it('do without WebCrypto where there is none', async () => {
    const primitives = webPrimitives(null);
    expect(await primitives.agree(fromHex(alice.secret), fromHex(bob.publicKey))).to.deep.equal(fromHex(shared));
  });

  it('make the key object of a peer once, and that of a secret once for each array and content', async () => {
    const { subtle, used } = lacking();
    const primitives = webPrimitives(subtle);
    const secret = fromHex(alice.secret);
    await primitives.agree(secret, fromHex(bob.publicKey));
    const once = used.length;
    expect(toHex(await primitives.agree(secret, fromHex(bob.publicKey)))).to.equal(shared);
    expect(used.length).to.equal(once);
    secret.fill(7);
    expect(await primitives.agree(secret, fromHex(bob.publicKey))).to.deep.equal(
      portable.agree(new Uint8Array(32).fill(7), fromHex(bob.publicKey)),
    );
    expect(used.length).to.equal(once + 1);
  });
});
