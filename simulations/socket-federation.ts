import { setMaxListeners } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FederatedClient } from '../client/federated-client.ts';
import { nodePlatform } from '../client/node/platform.ts';
import type { Host } from '../server/host.ts';
import { createServer } from '../server/server.ts';
import { identityFromSeed } from '../shared/crypto/identity.ts';
import { asFederatedError, FederatedError } from '../shared/errors.ts';
import { bytesFloats } from '../shared/weights.ts';
import type { StoreOf } from './client-stores.ts';
import type { SimulatedFederation } from './federation.ts';
import { clientSeed, identitySeed, primitives } from './identities.ts';
import type { Rows } from './pool/messages.ts';
import { PoolTrainer, type Tamper } from './pool/pool-trainer.ts';
import type { TrainingPool } from './pool/pool.ts';

export interface SocketFederationOptions {
  readonly pool: TrainingPool;
  /** Each client's examples. */
  readonly parts: readonly Rows[];
  readonly seed: number;
  /** The server's folder; null: one that is removed in the end. */
  readonly dataDir: string | null;
  readonly evaluate?: Host['evaluate'];
  readonly measureUpdates?: Host['measureUpdates'];
  readonly tamper: (client: number) => Tamper | null;
  /** Of what a client's algorithm keeps. */
  readonly storeOf: StoreOf;
}

/** A server and clients as in a deployment, over encrypted sockets on this machine; only the training is done by the pool. */
export async function openSocketFederation(options: SocketFederationOptions): Promise<SimulatedFederation> {
  const { pool, parts, seed, evaluate, measureUpdates, tamper } = options;
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'fedloom-simulation-')));
  const removeFolder = async (): Promise<void> => {
    if (options.dataDir === null) await rm(dataDir, { recursive: true, force: true });
  };
  const server = await createServer({
    dataDir,
    port: 0,
    // All clients knock at once, from one address.
    limits: {
      maxPendingPerAddress: parts.length + 100,
      maxConnections: parts.length + 100,
      maxSocketsPerAddress: 2 * parts.length + 100,
      maxSockets: 2 * parts.length + 100,
    },
    ...(evaluate === undefined ? {} : { evaluate }),
    ...(measureUpdates === undefined ? {} : { measureUpdates }),
  }).catch(async (error: unknown) => {
    await removeFolder();
    throw error;
  });
  const left = new AbortController();
  setMaxListeners(0, left.signal); // one for each client
  const joins: Promise<void>[] = [];
  let wake = (): void => {};
  let problem: ReturnType<SimulatedFederation['problem']> = null;
  let failure: FederatedError | null = null;
  server.events.listen(() => wake());

  const join_ = async (client: FederatedClient): Promise<void> => {
    try {
      for await (const _ of client.join({ signal: left.signal })); // what becomes of the rounds the server says
    } catch (thrown) {
      failure ??= asFederatedError(thrown);
      wake();
    }
  };
  return {
    events: server.events,
    operations: server.operations,
    async start() {
      for (const [index, rows] of parts.entries()) {
        const client = new FederatedClient(
          {
            url: server.joinLink,
            consent: 'given',
            data: () => {
              throw new FederatedError('INTERNAL', 'simulation: the pool has the data');
            },
            trainer: new PoolTrainer(pool, rows, () => 0, tamper(index)),
            seed: clientSeed(seed, index),
          },
          {
            ...nodePlatform({}),
            store: options.storeOf(index),
            keys: { load: async () => identityFromSeed(primitives, identitySeed(index)), remove: async () => {} },
          },
        );
        client.addEventListener('problem', (event) => {
          const { code, message } = (event as CustomEvent<{ code: FederatedError['code']; message: string }>).detail;
          problem = { client: index, code, message };
        });
        joins.push(join_(client));
      }
    },
    async play(isOver) {
      while (!isOver()) {
        if (failure !== null) throw failure;
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, 200); // an abort has no event here
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    },
    async model(id) {
      const answer = await fetch(`${server.url}/v1/blobs/${id}`, {
        headers: { authorization: `Bearer ${server.adminToken}` },
      });
      if (!answer.ok) throw new FederatedError('NOT_FOUND', `simulation: the server has no model ${id}`);
      return bytesFloats(new Uint8Array(await answer.arrayBuffer()));
    },
    traffic: () => server.traffic(),
    problem: () => problem,
    async close() {
      left.abort();
      await Promise.all(joins);
      await server.close();
      await removeFolder();
    },
  };
}
