import { expect } from 'chai';
import { fromHex } from '../../../shared/bytes.ts';
import { clientIdOf, fingerprintOf, identityFromSeed } from '../../../shared/crypto/identity.ts';
import { implementations } from '../../helpers/primitives.ts';
import { ed25519 } from '../../vectors/crypto.ts';

for (const primitives of implementations) {
  describe(`an identity on the ${primitives.name} primitives`, () => {
    const vector = ed25519[0]!; // RFC 8032, section 7.1, test 1
    const identity = identityFromSeed(primitives, fromHex(vector.seed));

    it('holds the key of its seed and signs with it', () => {
      expect(identity.publicKey).to.deep.equal(fromHex(vector.publicKey));
      expect(identity.sign(new Uint8Array(0))).to.deep.equal(fromHex(vector.signature));
    });

    // printf d75a...511a | xxd -r -p | sha256sum gives 21fe31dfa154a261626bf854046fd227...
    it('is named by the SHA-256 of its public key', () => {
      expect(clientIdOf(primitives, identity.publicKey)).to.equal('21fe31dfa154a261626bf854046fd227');
    });

    it('has a fingerprint of 22 characters of base64url', () => {
      expect(fingerprintOf(primitives, identity.publicKey)).to.equal('If4x36FUomFia_hUBG_SJw');
    });
  });
}
