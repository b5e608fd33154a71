import type { ClientStore } from './platform.ts';

/** A client's store that ends with the process. */
export function memoryStore(): ClientStore {
  const files = new Map<string, Uint8Array>();
  return {
    lasting: false,
    load: async (name) => files.get(name) ?? null,
    save: async (name, bytes) => void files.set(name, bytes),
    remove: async (name) => void files.delete(name),
  };
}
