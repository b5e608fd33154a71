import { identityFromSeed, type Identity } from '../shared/crypto/identity.ts';
import { FederatedError } from '../shared/errors.ts';
import type { ClientPlatform, ClientStore } from './platform.ts';

const identityKey = 'identity.seed';

/** This device's identity: the one in its store, or a new one. @throws FederatedError BAD_FILE */
export async function loadIdentity({
  store,
  primitives,
  randomBytes,
}: Pick<ClientPlatform, 'store' | 'primitives' | 'randomBytes'>): Promise<Identity> {
  const stored = await store.load(identityKey);
  if (stored !== null && stored.length !== 32) {
    throw new FederatedError(
      'BAD_FILE',
      `the identity on this device has ${stored.length} bytes, expected 32; remove it to get a new one`,
    );
  }
  const seed = stored ?? randomBytes(32);
  if (stored === null) await store.save(identityKey, seed);
  return identityFromSeed(primitives, seed);
}

export const removeIdentity = (store: ClientStore): Promise<void> => store.remove(identityKey);
