import type { Sha256 } from '../../shared/ids.ts';
import type { BlobStore } from '../store/store.ts';

/** Of one blob, however many ask for it at once, there is one copy in memory. */
interface Entry {
  readonly size: number;
  readonly loading: Promise<Uint8Array>;
  /** Set when loaded, so that the common case needs no promise. */
  bytes: Uint8Array | null;
}

/**
 * The blobs asked for last, shared by all responses: in each round every client fetches the same model.
 * The store checks each hash as it loads.
 */
export class BlobCache {
  readonly #blobs: BlobStore;
  readonly #maxBlobs: number;
  readonly #maxBytes: number;
  /** Least recently used first. */
  readonly #entries = new Map<Sha256, Entry>();
  #bytes = 0;

  constructor(blobs: BlobStore, maxBlobs: number, maxBytes: number) {
    this.#blobs = blobs;
    this.#maxBlobs = maxBlobs;
    this.#maxBytes = maxBytes;
  }

  /** The blob when it is in memory, else null. */
  peek(id: Sha256): Uint8Array | null {
    const entry = this.#entries.get(id);
    if (entry === undefined) return null;
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    return entry.bytes;
  }

  /** @param size - its bytes, counted before they are read. @throws FederatedError NOT_FOUND or STORE_CORRUPT */
  load(id: Sha256, size: number): Promise<Uint8Array> {
    const known = this.#entries.get(id);
    if (known !== undefined) return known.loading;
    const entry: Entry = { size, bytes: null, loading: this.#blobs.get(id) };
    this.#entries.set(id, entry);
    this.#bytes += size;
    entry.loading.then(
      (bytes) => (entry.bytes = bytes),
      () => this.#drop(id, entry),
    );
    for (const [oldest, old] of this.#entries) {
      if (this.#entries.size <= this.#maxBlobs && this.#bytes <= this.#maxBytes) break;
      if (oldest !== id) this.#drop(oldest, old);
    }
    return entry.loading;
  }

  #drop(id: Sha256, entry: Entry): void {
    if (this.#entries.get(id) !== entry) return;
    this.#entries.delete(id);
    this.#bytes -= entry.size;
  }
}
