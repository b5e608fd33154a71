import { defaultLimits } from '../../shared/protocol/limits.ts';
import type { BaselineMessage, BaselineOrder } from './load-baseline-process.ts';
import { flags, megabyte, open, warmUp, withSwarms } from './load-processes.ts';
import { BenchProcess } from './process.ts';
import { median, rowOf, type BenchRow } from './report.ts';

/** What the machine does with the same bytes and connections without Fedloom. */

const chunkBytes = defaultLimits.chunkBytes;

export interface Speeds {
  /** MB per second of CPU time of whoever receives */
  readonly tcp: number;
  readonly ws: number;
  readonly copy: number;
  readonly rows: BenchRow[];
}

/** @param bytes - of each measurement */
export async function measureBaselines(bytes: number): Promise<Speeds> {
  const server = new BenchProcess<BaselineMessage>('load-baseline-process', [...flags, '--expose-gc']);
  const sender = new BenchProcess<BaselineMessage>('load-baseline-process', flags);
  const tell = (process: typeof server, order: BaselineOrder): void => process.send(order);
  try {
    tell(server, { type: 'listen' });
    const ports = await server.next('listening');
    const cpu = async (): Promise<number> => {
      tell(server, { type: 'sample' });
      return (await server.next('sample')).cpu;
    };
    const receive = async (kind: 'tcp' | 'ws'): Promise<number> => {
      const stream = async (): Promise<number> => {
        const before = await cpu();
        tell(sender, { type: 'stream', kind, port: ports[kind], bytes, chunk: chunkBytes });
        await sender.next('streamed');
        return bytes / megabyte / (((await cpu()) - before) / 1000);
      };
      await stream(); // until it is compiled
      return median([await stream(), await stream(), await stream()]);
    };
    const tcp = await receive('tcp');
    const ws = await receive('ws');
    const copy = copySpeed();
    const row = (name: string, value: number): BenchRow =>
      rowOf(`received: ${name}`, { chunk: chunkBytes }, 'MB/core-s', [value]);
    return { tcp, ws, copy, rows: [row('memcpy', copy), row('plain TCP', tcp), row('plain ws', ws)] };
  } finally {
    await Promise.all([server.stop(), sender.stop()]);
  }
}

/** Chunk by chunk into a vector that no cache holds. */
function copySpeed(): number {
  const chunk = new Uint8Array(chunkBytes).fill(1);
  const target = new Uint8Array(256 * chunkBytes);
  const once = (): number => {
    const { user, system } = process.cpuUsage();
    for (let at = 0; at < target.length; at += chunkBytes) target.set(chunk, at);
    const used = process.cpuUsage({ user, system });
    return target.length / megabyte / ((used.user + used.system) / 1e6);
  };
  return median(Array.from({ length: 9 }, once));
}

/** As many WebSockets on which nobody speaks. */
export async function bareConnections(connections: number): Promise<{ kilobytes: number; cpu: number; rate: number }> {
  const server = new BenchProcess<BaselineMessage>('load-baseline-process', [...flags, '--expose-gc']);
  const sample = async (): Promise<Extract<BaselineMessage, { type: 'sample' }>> => {
    server.send({ type: 'sample' });
    return server.next('sample');
  };
  try {
    server.send({ type: 'listen' });
    const { ws } = await server.next('listening');
    return await withSwarms(Math.ceil(connections / 3_500), async (swarms) => {
      const first = Math.min(warmUp, connections >> 1);
      const wanted = { joinLink: `ws://127.0.0.1:${ws}/`, behaviour: 'bare' } as const;
      await open(swarms.slice(0, 1), { ...wanted, first: 0, clients: first }, 20);
      const base = await sample();
      const { seconds } = await open(swarms, { ...wanted, first, clients: connections - first });
      const full = await sample();
      const added = connections - first;
      return {
        kilobytes: (full.rss - base.rss) / 1024 / added,
        cpu: (full.cpu - base.cpu) / added,
        rate: added / seconds,
      };
    });
  } finally {
    await server.stop();
  }
}
