import { identityFromSeed } from '../shared/crypto/identity.ts';
import { FederatedError } from '../shared/errors.ts';
import type { ClientPlatform, DeviceKeys } from './platform.ts';

const seedName = 'identity.seed';

/** Keeps the device's key as a seed of 32 bytes in its store. `load` throws FederatedError BAD_FILE for a damaged one. */
export const seedKeys = ({
  store,
  primitives,
  randomBytes,
}: Pick<ClientPlatform, 'store' | 'primitives' | 'randomBytes'>): DeviceKeys => ({
  async load() {
    const stored = await store.load(seedName);
    if (stored !== null && stored.length !== 32) {
      throw new FederatedError(
        'BAD_FILE',
        `the identity on this device has ${stored.length} bytes, expected 32; remove it to get a new one`,
      );
    }
    const seed = stored ?? randomBytes(32);
    if (stored === null) await store.save(seedName, seed);
    return identityFromSeed(primitives, seed);
  },
  remove: () => store.remove(seedName),
});
