import { bytesFloats, floatBytes } from '../shared/weights.ts';
import type { ClientStore } from './platform.ts';
import type { RoundOutcome } from './session/types.ts';
import { loadRecord, saveRecord } from './stored-record.ts';

/** What counts, and what the training in progress has made of it. */
const currentName = 'own.bin';
const nextName = 'own-next.bin';

/** Whose it is: another run, or another algorithm, begins with nothing. */
interface Owner {
  readonly run: string;
  /** The algorithm's JSON. */
  readonly algorithm: string;
}

interface Own extends Owner {
  readonly round: number;
  readonly values: Float32Array;
}

/**
 * What an algorithm keeps on this device from round to round: control variates, personal layers, a personal model. It never
 * leaves the device. What a training makes of it counts from the moment the server says that the report counts; when the
 * device never hears of that (it was gone while the round ended), it goes on with what it had before.
 */
export class OwnState {
  readonly #store: ClientStore;
  #current: Own | null = null;
  #next: Own | null = null;
  #loading: Promise<void> | null = null;
  /** One after the other, so that what is forgotten is not written once more. */
  #disk: Promise<void> = Promise.resolve();

  constructor(store: ClientStore) {
    this.#store = store;
  }

  /** What was kept for this run and algorithm, or null. Not to be changed. */
  async of({ run, algorithm }: Owner): Promise<Float32Array | null> {
    await this.#load();
    return this.#current?.run === run && this.#current.algorithm === algorithm ? this.#current.values : null;
  }

  /** What a training has made of it, until its round is over. */
  async hold({ run, algorithm }: Owner, round: number, values: Float32Array | null): Promise<void> {
    await this.#load();
    const next = values === null ? null : { run, algorithm, round, values };
    this.#next = next;
    if (next !== null) await this.#save(nextName, next);
  }

  /** A round is over, with this client's report or without; after an abandoned one its training still may count. */
  async settle({ run, round, result, counted }: RoundOutcome): Promise<void> {
    if (result === 'abandoned') return;
    await this.#load();
    const next = this.#next;
    if (next === null || next.run !== run || next.round > round) return;
    this.#next = null;
    if (!counted || next.round !== round) return;
    this.#current = next;
    await this.#save(currentName, next);
  }

  forget(): Promise<void> {
    this.#current = null;
    this.#next = null;
    return this.#inTurn(async () => {
      for (const name of [currentName, nextName]) await this.#store.remove(name);
    });
  }

  #load(): Promise<void> {
    this.#loading ??= this.#inTurn(async () => {
      this.#current = await this.#read(currentName);
      this.#next = await this.#read(nextName);
    });
    return this.#loading;
  }

  async #read(name: string): Promise<Own | null> {
    const record = await loadRecord(this.#store, name).catch(() => null); // damaged: as if there were none
    if (record === null) return null;
    return { ...(record.about as Omit<Own, 'values'>), values: bytesFloats(record.bytes) };
  }

  async #save(name: string, { values, ...about }: Own): Promise<void> {
    if (this.#store.lasting)
      await this.#inTurn(() => saveRecord(this.#store, name, { about, bytes: floatBytes(values) }));
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#disk.then(work);
    this.#disk = done.catch(() => {}); // whoever asked for it hears of it
    return done;
  }
}
