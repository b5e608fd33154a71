import { toHex } from '../shared/bytes.ts';
import type { Primitives } from '../shared/crypto/primitives.ts';
import { FederatedError } from '../shared/errors.ts';
import type { Sha256 } from '../shared/ids.ts';
import { modelLayout } from '../shared/tasks/model.ts';
import type { Task } from '../shared/tasks/task.ts';
import { bytesFloats, floatBytes, type Layout } from '../shared/weights.ts';
import type { ClientStore } from './platform.ts';
import { loadRecord, saveRecord } from './stored-record.ts';

/** A model as this client last saw it committed. */
export interface GlobalModel {
  readonly run: string;
  /** The committed round that gave it; 0 for the initial weights. */
  readonly round: number;
  readonly sha256: Sha256;
  readonly task: Task;
  readonly layout: Layout;
  /** length d */
  readonly weights: Float32Array;
}

const name = 'model.bin';

/** The newest global model: in memory while the client takes part, in the device's store for afterwards and offline. */
export class ModelCache {
  readonly #store: ClientStore;
  readonly #primitives: Primitives;
  #newest: Omit<GlobalModel, 'layout'> | null = null;
  #stored: Sha256 | null = null;
  /** One after the other, so that what is forgotten is not written once more. */
  #disk: Promise<void> = Promise.resolve();

  constructor(store: ClientStore, primitives: Primitives) {
    this.#store = store;
    this.#primitives = primitives;
  }

  remember(model: Omit<GlobalModel, 'layout'>): void {
    this.#newest = model;
    if (this.#store.lasting) void this.persist().catch(() => {}); // tried again in the end
  }

  /** The weights of this hash, where they are the ones that this device has; null otherwise. Not to be changed. */
  async find(sha256: string): Promise<Float32Array | null> {
    const model = this.#newest ?? (await this.#load().catch(() => null));
    return model?.sha256 === sha256 ? model.weights : null;
  }

  /** Stores the newest model, if it is not stored yet. */
  persist(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#newest === null || this.#newest.sha256 === this.#stored) return;
      const { weights, ...about } = this.#newest;
      await saveRecord(this.#store, name, { about, bytes: floatBytes(weights) });
      this.#stored = about.sha256;
    });
  }

  /** @throws FederatedError NOT_FOUND, BLOB_MISMATCH */
  async newest(): Promise<GlobalModel> {
    const model = this.#newest ?? (await this.#load());
    return { ...model, layout: modelLayout(model.task.model), weights: model.weights.slice() };
  }

  forget(): Promise<void> {
    this.#newest = null;
    return this.#inTurn(async () => {
      this.#stored = null;
      await this.#store.remove(name);
    });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#disk.then(work);
    this.#disk = done.catch(() => {}); // whoever asked for it hears of it
    return done;
  }

  async #load(): Promise<Omit<GlobalModel, 'layout'>> {
    const record = await loadRecord(this.#store, name);
    if (record === null) {
      throw new FederatedError('NOT_FOUND', 'this client has no model yet: it has not been given one since it joined');
    }
    const { bytes } = record;
    const { run, round, sha256, task } = record.about as Omit<GlobalModel, 'weights'>;
    if (toHex(this.#primitives.sha256(bytes)) !== sha256) {
      throw new FederatedError('BLOB_MISMATCH', 'the cached model is damaged; join again to fetch it anew');
    }
    return { run, round, sha256, task, weights: bytesFloats(bytes) };
  }
}
