import { toHex } from '../bytes.ts';

/** Keys remembered: a cohort or two, some 1 KiB each. */
const kept = 1024;

/**
 * The platform's key objects of the public keys seen last: a round verifies several signatures by each peer, and making the
 * object costs nearly as much as using it.
 * @param make - may throw; nothing is remembered then
 */
export function rememberKeys<Key>(make: (raw: Uint8Array) => Key): (raw: Uint8Array) => Key {
  const known = new Map<string, Key>();
  return (raw) => {
    const name = toHex(raw);
    let key = known.get(name);
    if (key === undefined) {
      key = make(raw);
      if (known.size === kept) known.delete(known.keys().next().value!); // the oldest
      known.set(name, key);
    }
    return key;
  };
}
