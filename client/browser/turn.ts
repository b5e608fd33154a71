import type { ClientPlatform } from '../platform.ts';

/**
 * One client of an origin takes part at a time, by Web Locks, which end with the tab. Where there are none (a page without
 * TLS) every tab has its turn, and the server ends the older session of the same identity.
 * @param name - of the lock
 */
export const webLockTurn =
  (name: string): NonNullable<ClientPlatform['turn']> =>
  async (waits, signal) => {
    const locks = globalThis.navigator?.locks as LockManager | undefined;
    if (locks === undefined) return () => {};
    const take = (options: LockOptions): Promise<(() => void) | null> =>
      new Promise((resolve, reject) => {
        const hold = (lock: Lock | null): Promise<void> | undefined => {
          if (lock !== null) return new Promise((release) => resolve(release));
          resolve(null);
          return undefined;
        };
        locks.request(name, options, hold).catch(reject);
      });
    const atOnce = await take({ ifAvailable: true });
    if (atOnce !== null || signal.aborted) return atOnce;
    waits();
    return take({ signal }).catch((thrown: unknown) => {
      if (signal.aborted) return null;
      throw thrown;
    });
  };
