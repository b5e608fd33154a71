import { fromHex, toHex } from '../shared/bytes.ts';
import { FederatedError } from '../shared/errors.ts';
import type { UpdateFacts } from './inspection.ts';
import type { ClientStore } from './platform.ts';
import type { KeptUpdate } from './session/types.ts';
import { loadRecord, saveRecord } from './stored-record.ts';

const name = 'update.bin';

/** Of which job an update is. */
export interface UpdateOrigin {
  /** The server's public key in hex: to no other is it ever offered. */
  readonly server: string;
  /** Whether it was trained for secure aggregation: then it never goes out in clear. */
  readonly secure: boolean;
}

/** A kept update as it was found on the device. */
export interface RestoredUpdate extends UpdateOrigin {
  readonly update: KeptUpdate;
  readonly facts: UpdateFacts | null;
}

type Stored = Omit<RestoredUpdate, 'update'> & { readonly update: Omit<KeptUpdate, 'upload'> & { upload: string } };

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** Whether what was read has every field that is used later, of its kind. */
function isStored(about: unknown): about is Stored {
  if (!isObject(about)) return false;
  const { server, secure, facts, update } = about;
  if (typeof server !== 'string' || typeof secure !== 'boolean' || !isObject(facts) || !isObject(update)) return false;
  const { key, run, round, examples, metrics, backend, upload } = update;
  const isWhole = [round, examples].every((each) => Number.isSafeInteger(each));
  const isText = [key, run, backend].every((each) => typeof each === 'string');
  const named = typeof upload === 'string' && /^[0-9a-f]{32}$/.test(upload);
  return isWhole && isText && named && isObject(metrics) && Array.isArray(facts['tensors']);
}

/**
 * Keeps the bytes of the one update that is trained and not durable on the server: in memory, and in a lasting store, so
 * that it outlives a crash or a reload and is never trained anew.
 */
export class UpdateKeeper {
  readonly #store: ClientStore;
  readonly #release: (bytes: Uint8Array) => void;
  #kept: { readonly update: KeptUpdate; readonly bytes: Uint8Array } | null = null;
  #restored: RestoredUpdate | null = null;
  /** One after the other, so that what is forgotten is not written once more. */
  #disk: Promise<void> = Promise.resolve();

  /** @param release - is given what was overwritten and will not be used again */
  constructor(store: ClientStore, release: (bytes: Uint8Array) => void = () => {}) {
    this.#store = store;
    this.#release = release;
  }

  /** Looks for what an earlier start of this client has kept. What cannot be read is trained anew. */
  restore(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#kept !== null) return;
      const record = await loadRecord(this.#store, name).catch(() => null);
      if (record === null) return;
      // A file may be damaged, or of another version: then it must not keep the client from starting.
      if (!isStored(record.about) || record.bytes.length !== record.about.update.bytes) return;
      const { update, ...origin } = record.about;
      const kept = { ...update, upload: fromHex(update.upload) };
      this.#restored = { ...origin, update: kept };
      this.#kept = { update: kept, bytes: record.bytes };
    });
  }

  /**
   * What was found on the device, once: null if there was nothing, or not for this server, or not for a client that now
   * demands secure aggregation.
   */
  take(server: string, demandsSecure: boolean): RestoredUpdate | null {
    const restored = this.#restored;
    this.#restored = null;
    if (restored === null) return null;
    if (restored.server === server && (restored.secure || !demandsSecure)) return restored;
    this.forget(restored.update.key);
    return null;
  }

  /**
   * Keeps an update, and takes its bytes over. Where the store fails it is kept in memory all the same.
   * @returns what is kept: of two updates of one job the first, which may be on its way already
   */
  async keep(
    update: KeptUpdate,
    bytes: Uint8Array,
    origin: UpdateOrigin & { readonly facts: UpdateFacts | null },
  ): Promise<KeptUpdate> {
    const { key } = update;
    if (this.#kept?.update.key === key) {
      bytes.fill(0);
      this.#release(bytes);
      return this.#kept.update;
    }
    this.#replace({ update, bytes });
    if (!this.#store.lasting) return update;
    const about: Stored = { ...origin, update: { ...update, upload: toHex(update.upload) } };
    await this.#inTurn(async () => {
      if (this.#kept?.update.key === key) await saveRecord(this.#store, name, { about, bytes });
    }).catch(() => {});
    return update;
  }

  /** The bytes of the kept update: float32, little-endian. @throws FederatedError BAD_STATE when it is not there */
  bytesOf(key: string): Uint8Array {
    if (this.#kept?.update.key === key) return this.#kept.bytes;
    throw new FederatedError('BAD_STATE', 'the update of this round is not on this device any more');
  }

  /** Overwrites a kept update, and removes it from the device. */
  forget(key: string): void {
    if (this.#kept?.update.key === key) void this.clear().catch(() => {});
  }

  /** Overwrites and removes whatever is kept. */
  clear(): Promise<void> {
    this.#replace(null);
    this.#restored = null;
    return this.#inTurn(() => (this.#kept === null ? this.#store.remove(name) : Promise.resolve()));
  }

  #replace(kept: { readonly update: KeptUpdate; readonly bytes: Uint8Array } | null): void {
    const before = this.#kept?.bytes;
    this.#kept = kept;
    if (before === undefined) return;
    before.fill(0);
    this.#release(before);
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#disk.then(work);
    this.#disk = done.catch(() => {}); // whoever asked for it hears of it
    return done;
  }
}
