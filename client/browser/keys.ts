import type { Signer } from '../../shared/crypto/identity.ts';
import { seedKeys } from '../device-identity.ts';
import type { ClientPlatform, DeviceKeys } from '../platform.ts';
import type { BrowserStore, StoredKey } from './database.ts';

/**
 * The device's key as WebCrypto has it: no script can read its secret part, not even the client. Where the browser has no
 * Ed25519 (Chromium before 137), or the page no WebCrypto (no TLS), it is a seed in the store.
 */
export function browserKeys(
  store: BrowserStore,
  { primitives, randomBytes }: Pick<ClientPlatform, 'primitives' | 'randomBytes'>,
  subtle: SubtleCrypto | null = globalThis.crypto?.subtle ?? null,
): DeviceKeys {
  const seeds = seedKeys({ store, primitives, randomBytes });
  const signerOf = ({ secret, publicKey }: StoredKey): Signer => ({
    publicKey,
    sign: async (message) => new Uint8Array(await subtle!.sign('Ed25519', secret, new Uint8Array(message))),
  });
  const make = async (): Promise<StoredKey | null> => {
    try {
      const pair = (await subtle!.generateKey('Ed25519', false, ['sign', 'verify'])) as CryptoKeyPair;
      const publicKey = new Uint8Array(await subtle!.exportKey('raw', pair.publicKey));
      const key = { secret: pair.privateKey, publicKey };
      await store.saveKey(key);
      return key;
    } catch {
      return null; // a seed will do
    }
  };
  return {
    async load() {
      const stored = subtle === null ? null : await store.loadKey();
      if (stored !== null) return signerOf(stored);
      // A seed from before is who this device is, also after the browser has learnt Ed25519.
      const fresh = subtle === null || (await store.load('identity.seed')) !== null ? null : await make();
      return fresh === null ? seeds.load() : signerOf(fresh);
    },
    async remove() {
      await store.removeKey();
      await seeds.remove();
    },
  };
}
