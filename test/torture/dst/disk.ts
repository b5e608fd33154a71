import type { ClientStore } from '../../../client/platform.ts';
import type { BlobStore, Store } from '../../../server/store/store.ts';
import { FederatedError } from '../../../shared/errors.ts';
import type { Dice } from './dice.ts';
import type { Life } from './life.ts';

/** What goes wrong with a disk, each from 0 to 1. */
export interface DiskFaults {
  readonly fail: number;
  readonly slow: number;
  readonly crash: number;
}

export interface DiskWorld {
  readonly dice: Dice;
  after(ms: number, run: () => void): () => void;
  faults(): DiskFaults;
  crash(why: string): void;
  note(what: string): void;
}

/**
 * The disk under a process: calls take time, one after the other. What a call has changed is on the disk for good when the
 * call resolves, and not before; when the process dies in between, it is there or not. This is the contract of `Store`,
 * `BlobStore` and `ClientStore`.
 */
export class Disk {
  readonly #world: DiskWorld;
  readonly #life: Life;
  readonly #now: () => number;
  #free = 0;

  constructor(world: DiskWorld, life: Life, now: () => number) {
    this.#world = world;
    this.#life = life;
    this.#now = now;
  }

  call<T>(name: string, action: () => Promise<T>, writes: boolean): Promise<T> {
    const { dice, after, faults, crash, note } = this.#world;
    const life = this.#life;
    return new Promise((resolve, reject) => {
      if (!life.alive) return;
      const { slow } = faults();
      const length = dice.chance(0.05 * slow) ? dice.wait(3_000) : dice.whole(0, 2);
      const begin = Math.max(this.#free, this.#now());
      this.#free = begin + length;
      after(begin + length - this.#now(), () => {
        if (!life.alive) return;
        const { fail, crash: rate } = faults();
        if (writes && dice.chance(0.01 * rate)) return crash(`before ${name}`);
        if (dice.chance((writes ? 0.02 : 0.002) * fail)) {
          // Now and then what was to be written is there although nobody can say so, as after an error of fsync.
          const isThere = writes && dice.chance(0.3);
          note(`${life.name}: ${name} fails${isThere ? ', and is written' : ''}`);
          const refuse = (): void => reject(new FederatedError('STORE_FULL', `${name}: the disk is full`));
          if (!isThere) return refuse();
          action().then(refuse, refuse);
          return;
        }
        action().then((value) => {
          if (!life.alive) return;
          if (writes && dice.chance(0.01 * rate)) return crash(`after ${name}`);
          resolve(value);
        }, reject);
      });
    });
  }
}

const storeReads: readonly (keyof Store)[] = [
  'run',
  'runs',
  'takenNames',
  'attempt',
  'rounds',
  'newest',
  'pruned',
  'client',
  'clients',
];

/** Every call goes through the disk. */
function onDisk<T extends object>(inner: T, disk: Disk, reads: readonly (keyof T)[], seen: () => void): T {
  return new Proxy(inner, {
    get(target, key) {
      const method = target[key as keyof T] as (...parameters: unknown[]) => Promise<unknown>;
      const writes = !reads.includes(key as keyof T);
      return (...parameters: unknown[]) =>
        disk.call(
          String(key),
          () => {
            const done = method.apply(target, parameters);
            if (writes) seen();
            return done;
          },
          writes,
        );
    },
  });
}

export const storeOnDisk = (inner: Store, disk: Disk, seen: () => void): Store => onDisk(inner, disk, storeReads, seen);
export const blobsOnDisk = (inner: BlobStore, disk: Disk): BlobStore => onDisk(inner, disk, ['get', 'size'], () => {});
export const filesOnDisk = (inner: ClientStore, disk: Disk): ClientStore => onDisk(inner, disk, ['load'], () => {});
