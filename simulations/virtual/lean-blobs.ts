import type { Sha256 } from '../../shared/ids.ts';
import type { BlobStore, Store } from '../../server/store/store.ts';

/**
 * Blobs of a simulation, which needs the newest model, and those that clients of an asynchronous run are at work on: others are removed, so that a thousand rounds
 * take no more room than one.
 */
export function leanBlobs(blobs: BlobStore, store: Pick<Store, 'runs' | 'attempt'>): BlobStore {
  /** Put, and in no stored run yet. */
  let fresh = new Set<Sha256>();
  return {
    async put(bytes) {
      const runs = await store.runs();
      if (runs.some(({ weights }) => fresh.has(weights))) fresh = new Set();
      const kept = runs.flatMap(({ task, weights, strategyState }) => [task, weights, strategyState]);
      const attempts = await Promise.all(runs.map(({ id }) => store.attempt(id)));
      const bases = attempts.flatMap((attempt) => (attempt?.bases ?? []).map(([, { weights }]) => weights));
      await blobs.collect(new Set([...fresh, ...bases, ...kept.filter((id) => id !== null)]));
      const id = await blobs.put(bytes);
      fresh.add(id);
      return id;
    },
    get: (id) => blobs.get(id),
    size: (id) => blobs.size(id),
    read: (id, start, end) => blobs.read(id, start, end),
    remove: (ids) => blobs.remove(ids),
    collect: (keep) => blobs.collect(keep),
  };
}
