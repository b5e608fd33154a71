import * as crypto from 'node:crypto';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { nativePrimitives } from '../../shared/crypto/native.ts';
import { download, downloadWith } from './download.ts';
import { nodeGenerators } from './generators.ts';
import { nodeReadings } from './readings.ts';
import { openNodeSocket, type ClientTls } from './socket.ts';
import { fileStore } from './store.ts';
import { spawnNodeWorker } from './worker.ts';
import { toExamples } from '../data.ts';
import { memoryStore } from '../memory-store.ts';
import type { ClientPlatform } from '../platform.ts';
import { WorkerTrainer } from '../worker-trainer.ts';

export interface NodePlatformOptions {
  /**
   * Folder for the identity, the consent and the newest model, readable by its owner only. Without it everything is
   * forgotten when the process ends, and the next start is a new client to the server.
   */
  readonly stateDir?: string;
  /** PEM texts: the client's own certificate, where the server asks for one, and an authority to trust instead of the usual ones. */
  readonly tls?: ClientTls;
}

/** The runtime of a client in Node. */
export const nodePlatform = ({ stateDir, tls }: NodePlatformOptions): ClientPlatform => ({
  primitives: nativePrimitives(crypto),
  generators: nodeGenerators(),
  randomBytes: (length) => new Uint8Array(crypto.randomBytes(length)),
  clock: {
    now: () => Date.now(),
    steady: () => Math.floor(performance.now()),
    after(ms, run) {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
  },
  store: stateDir === undefined ? memoryStore() : fileStore(stateDir),
  openSocket: (url, events) => openNodeSocket(url, events, tls),
  download: tls === undefined ? download : downloadWith(tls),
  readings: nodeReadings,
  toExamples,
  createTrainer: ({ backend, module }) =>
    new WorkerTrainer(spawnNodeWorker, { backend, ...(module === undefined ? {} : { module: moduleUrl(module) }) }),
});

/** A module by URL, or by a path from the working folder. */
function moduleUrl(module: string | URL): URL {
  if (module instanceof URL) return module;
  return /^(file|data|https?|node):/.test(module) ? new URL(module) : pathToFileURL(resolve(module));
}
