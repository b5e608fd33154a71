import { openDB, type IDBPDatabase } from 'idb';
import { memoryStore } from '../memory-store.ts';
import type { ClientStore } from '../platform.ts';

const table = 'files';
const keyName = 'identity';

/** A key whose secret part the browser keeps to itself. */
export interface StoredKey {
  /** Ed25519, for signing, not extractable. */
  readonly secret: CryptoKey;
  /** 32 bytes */
  readonly publicKey: Uint8Array;
}

/** A client's store in the browser, which can hold a key as well. */
export interface BrowserStore extends ClientStore {
  loadKey(): Promise<StoredKey | null>;
  /** Rejects where the store cannot hold such a key. */
  saveKey(key: StoredKey): Promise<void>;
  removeKey(): Promise<void>;
}

/** A client's store in IndexedDB; in memory where there is none, as in a sandboxed frame. */
export function browserStore(name: string): BrowserStore {
  const memory = memoryStore();
  let opened: Promise<IDBPDatabase | null> | null = null;
  const open = async (): Promise<IDBPDatabase | null> => {
    try {
      return await openDB(name, 1, {
        upgrade: (db) => void db.createObjectStore(table),
        // Whoever wants to delete it, or has a later version of it, does not wait for this page.
        blocking: (_, __, event) => (event.target as IDBDatabase).close(),
        terminated: () => (opened = null),
      });
    } catch {
      return null;
    }
  };
  const database = (): Promise<IDBPDatabase | null> => (opened ??= open());
  const load = async (key: string): Promise<unknown> => (await database())?.get(table, key);
  const put = async (key: string, value: unknown): Promise<void> => {
    const db = await database();
    if (db === null) throw new DOMException('there is no IndexedDB here', 'NotSupportedError');
    const transaction = db.transaction(table, 'readwrite', { durability: 'strict' });
    await Promise.all([transaction.store.put(value, key), transaction.done]);
  };
  const remove = async (key: string): Promise<void> => (await database())?.delete(table, key);

  return {
    lasting: true,
    async load(key) {
      if ((await database()) === null) return memory.load(key);
      return ((await load(key)) as Uint8Array | undefined) ?? null;
    },
    async save(key, bytes) {
      await ((await database()) === null ? memory.save(key, bytes) : put(key, bytes));
    },
    async remove(key) {
      await ((await database()) === null ? memory.remove(key) : remove(key));
    },
    loadKey: async () => ((await load(keyName)) as StoredKey | undefined) ?? null,
    saveKey: (key) => put(keyName, key),
    removeKey: () => remove(keyName),
  };
}
