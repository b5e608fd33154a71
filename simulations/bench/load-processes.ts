import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultLimits, type Limits } from '../../shared/protocol/limits.ts';
import { bytesFloats } from '../../shared/weights.ts';
import type { LoadSwarmMessage, LoadSwarmTask } from './load-swarm-process.ts';
import { BenchProcess } from './process.ts';
import type { ServerSample } from './server-process.ts';

/** The server of a load measurement and its swarms of clients, each in a process of its own. */

/** See `server.ts`. */
export const flags = ['--no-incremental-marking'];
export const megabyte = 1e6;
/** Handshakes that one process of a swarm has under way at once: below the limit for one address. */
const atOnce = 48;
/** A busy machine takes its time; all other limits are the defaults. */
const limits: Partial<Limits> = { helloTimeout: 120_000, uploadPatience: 300_000 };

/** Connections before the first measurement: what they load and compile is not theirs. */
export const warmUp = 500;

export type Server = BenchProcess<ServerSample>;
export type Swarm = BenchProcess<LoadSwarmMessage>;
export type Say = (text: string) => void;

export async function withServer<T>(
  config: object | null,
  action: (server: Server, ready: ServerSample) => Promise<T>,
): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), 'fedloom-load-'));
  const server: Server = new BenchProcess('server-process', [...flags, '--expose-gc']);
  try {
    server.send({ dataDir, config, limits });
    return await action(server, await server.next('ready'));
  } finally {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

export async function withSwarms<T>(count: number, action: (swarms: Swarm[]) => Promise<T>): Promise<T> {
  const swarms = Array.from({ length: count }, (): Swarm => new BenchProcess('load-swarm-process', flags));
  try {
    return await action(swarms);
  } finally {
    await Promise.all(swarms.map((swarm) => swarm.stop()));
  }
}

export const sampleOf = async (server: Server, how: 'measure' | 'glance'): Promise<ServerSample> => {
  server.send(how);
  return server.next('measured');
};

type Wanted = Pick<LoadSwarmTask, 'joinLink' | 'first' | 'clients' | 'behaviour'> & Partial<LoadSwarmTask>;

/** Opens the clients of several swarms, each from an address of its own. */
export async function open(
  swarms: readonly Swarm[],
  wanted: Wanted,
  address = 2,
): Promise<{ handshakes: number[]; seconds: number }> {
  const each = Math.ceil(wanted.clients / swarms.length);
  const start = performance.now();
  const opened = await Promise.all(
    swarms.map((swarm, i) => {
      const first = wanted.first + i * each;
      const clients = Math.min(each, wanted.first + wanted.clients - first);
      const task: LoadSwarmTask = {
        type: 'open',
        atOnce,
        params: 0,
        blob: '',
        heartbeat: defaultLimits.heartbeat * 0.8,
        ...wanted,
        first,
        clients,
        from: `127.0.0.${address + i}`,
      };
      swarm.send(task);
      return swarm.next('opened');
    }),
  );
  return { handshakes: opened.flatMap(({ handshakes }) => handshakes), seconds: (performance.now() - start) / 1000 };
}

/** The weights of a model on the server, length d. @param sha256 - in hex */
export async function modelAt(url: string, adminToken: string, sha256: string): Promise<Float32Array> {
  const headers = { Authorization: `Bearer ${adminToken}` };
  const response = await fetch(`${url}/v1/blobs/${sha256}`, { headers });
  return bytesFloats(new Uint8Array(await response.arrayBuffer()));
}
