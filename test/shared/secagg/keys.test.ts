import { expect } from 'chai';
import { toHex } from '../../../shared/bytes.ts';
import { openParcel, pairMaskKey, sealParcel, seedMaskKey } from '../../../shared/secagg/keys.ts';
import { lengths } from '../../../shared/secagg/messages.ts';
import { commitmentOf, sharingStatement, survivorsStatement } from '../../../shared/secagg/roster.ts';
import { implementations, native } from '../../helpers/primitives.ts';
import { seededBytes } from '../../helpers/secagg.ts';

const draw = seededBytes('keys');
const [secret, roster, otherRoster] = [draw(32), draw(32), draw(32)];
/** Who derives a key from a shared secret overwrites it. */
const shared = (): Uint8Array => new Uint8Array(secret);
const distinct = (keys: readonly Uint8Array[]): number => new Set(keys.map(toHex)).size;

describe('the keys of secure aggregation', () => {
  it('are others for another purpose, roster or pair, and the same from both ends', () => {
    const keys = [
      seedMaskKey(native, secret, roster),
      seedMaskKey(native, secret, otherRoster),
      pairMaskKey(native, shared(), roster, 1, 2),
      pairMaskKey(native, shared(), otherRoster, 1, 2),
      pairMaskKey(native, shared(), roster, 1, 3),
      pairMaskKey(native, shared(), roster, 0, 2),
    ];
    expect(distinct(keys)).to.equal(keys.length);
    expect(pairMaskKey(native, shared(), roster, 2, 1)).to.deep.equal(keys[2]);
    for (const key of keys) expect(key.length).to.equal(32);
  });

  it('are the same on all primitives', () => {
    for (const primitives of implementations) {
      expect(seedMaskKey(primitives, secret, roster)).to.deep.equal(seedMaskKey(native, secret, roster));
    }
  });

  it('open a parcel for its receiver, from its sender and with its roster only', () => {
    const pair = { seed: draw(lengths.share), key: draw(lengths.share) };
    const route = { rosterHash: roster, from: 1, to: 2 };
    const parcel = sealParcel(native, shared(), route, pair);
    expect(parcel.length).to.equal(lengths.parcel);
    expect(openParcel(native, shared(), route, parcel)).to.deep.equal(pair);
    for (const change of [{ rosterHash: otherRoster }, { from: 3 }, { to: 3 }, { from: 2, to: 1 }]) {
      expect(openParcel(native, shared(), { ...route, ...change }, parcel)).to.equal(null);
    }
    for (let at = 0; at < parcel.length; at += 9) {
      const changed = parcel.slice();
      changed[at]! ^= 1;
      expect(openParcel(native, shared(), route, changed)).to.equal(null);
    }
    expect(openParcel(native, draw(32), route, parcel)).to.equal(null);
  });

  it('overwrite the secret that they come from', () => {
    const secrets = [shared(), shared(), shared()];
    const pair = { seed: draw(33), key: draw(33) };
    pairMaskKey(native, secrets[0]!, roster, 0, 1);
    const parcel = sealParcel(native, secrets[1]!, { rosterHash: roster, from: 0, to: 1 }, pair);
    openParcel(native, secrets[2]!, { rosterHash: roster, from: 0, to: 1 }, parcel);
    for (const each of secrets) expect(each).to.deep.equal(new Uint8Array(32));
  });
});

describe('what is signed and committed to', () => {
  it('is other bytes for another context, roster or set', () => {
    const [u2, u3] = [Uint8Array.of(0b111), Uint8Array.of(0b011)];
    const statements = [
      commitmentOf(native, secret, roster),
      commitmentOf(native, secret, otherRoster),
      commitmentOf(native, otherRoster, secret),
      sharingStatement(roster),
      sharingStatement(otherRoster),
      survivorsStatement(roster, u2, u3),
      survivorsStatement(otherRoster, u2, u3),
      survivorsStatement(roster, u3, u3),
      survivorsStatement(roster, u2, u2),
      survivorsStatement(roster, u3, u2),
    ];
    expect(distinct(statements)).to.equal(statements.length);
  });
});
