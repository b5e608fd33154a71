import { portable } from '../../shared/crypto/portable.ts';
import { webPrimitives } from '../../shared/crypto/web.ts';
import type { ClientPlatform } from '../platform.ts';
import { browserStore } from './database.ts';
import { download } from './download.ts';
import { browserKeys } from './keys.ts';
import { LazyTrainer } from './lazy-trainer.ts';
import { openBrowserSocket } from './socket.ts';
import { webLockTurn } from './turn.ts';

/** The most that `crypto.getRandomValues` gives at once (Web Cryptography API, section 10.1.1). */
const maxRandomBytes = 65_536;

export interface BrowserPlatformOptions extends Required<Pick<ClientPlatform, 'readings' | 'watchReadings'>> {
  /** Name of the IndexedDB database, and of the lock that its clients share. */
  readonly database: string;
  readonly wasmPath: string | undefined;
  /** Whether the page's own thread has to do the work. */
  readonly isInPage: boolean;
}

/** The runtime of a client in a browser: in a worker, or in the page where there are no workers. */
export function browserPlatform(options: BrowserPlatformOptions): ClientPlatform {
  const { database, wasmPath, isInPage, readings, watchReadings } = options;
  const store = browserStore(database);
  const randomBytes = (length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += maxRandomBytes) {
      crypto.getRandomValues(bytes.subarray(at, at + maxRandomBytes));
    }
    return bytes;
  };
  return {
    primitives: portable,
    curves: webPrimitives(),
    randomBytes,
    clock: {
      now: () => Date.now(),
      steady: () => Math.floor(performance.now()),
      after(ms, run) {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
    },
    store,
    keys: browserKeys(store, { primitives: portable, randomBytes }),
    turn: webLockTurn(`fedloom/${database}`),
    openSocket: openBrowserSocket,
    download,
    readings,
    watchReadings,
    createTrainer: ({ backend, module }) =>
      new LazyTrainer({
        backend,
        module: module?.toString(),
        ...(wasmPath === undefined ? {} : { wasmPath }),
        ...(isInPage ? { yieldEvery: 1 } : {}),
      }),
  };
}
