import { FederatedError } from '../../shared/errors.ts';
import { defaultLimits } from '../../shared/protocol/limits.ts';
import { bareConnections } from './load-baselines.ts';
import { open, sampleOf, warmUp, withServer, withSwarms, type Say } from './load-processes.ts';
import { rowOf, type BenchRow } from './report.ts';
import type { ServerSample } from './server-process.ts';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Connections on which nothing happens but heartbeats. @param watch - s */
export async function measureIdle(connections: number, watch: number, say: Say): Promise<BenchRow[]> {
  say(`${connections} idle connections`);
  const plain = await bareConnections(connections);
  return withServer(null, (server, { joinLink }) =>
    withSwarms(Math.ceil(connections / 3_500), async (swarms) => {
      const first = Math.min(warmUp, connections >> 1);
      const wanted = { joinLink, behaviour: 'idle' } as const;
      await open(swarms.slice(0, 1), { ...wanted, first: 0, clients: first }, 20);
      const base = await sampleOf(server, 'measure');
      const { seconds } = await open(swarms, { ...wanted, first, clients: connections - first });
      const opened = await sampleOf(server, 'glance');
      const full = await sampleOf(server, 'measure');
      if (full.connections !== connections) {
        throw new FederatedError('INTERNAL', `load: ${full.connections} of ${connections} connections are open`);
      }
      const before = await sampleOf(server, 'glance');
      say(`${connections} idle connections, watched for ${watch} s`);
      await pause(1000 * watch);
      const after = await sampleOf(server, 'glance');
      const end = await sampleOf(server, 'measure');
      if (end.connections !== connections) {
        throw new FederatedError('INTERNAL', `load: ${connections - end.connections} idle connections were lost`);
      }
      const added = connections - first;
      const per = (of: (sample: ServerSample) => number, unit: number, until = full): number[] => [
        (of(until) - of(base)) / unit / added,
      ];
      const at = { connections };
      const rss = ({ rss: bytes }: ServerSample): number => bytes;
      return [
        rowOf('memory per idle connection', at, 'KiB', per(rss, 1024, end), {
          name: 'plain ws',
          value: plain.kilobytes,
        }),
        rowOf(
          'of that, objects of JavaScript',
          at,
          'KiB',
          per(({ heap }) => heap, 1024, end),
        ),
        rowOf(
          'of that, buffers outside them',
          at,
          'KiB',
          per(({ external }) => external, 1024, end),
        ),
        rowOf(
          'server CPU per handshake',
          at,
          'ms',
          per(({ cpu }) => cpu, 1, opened),
          { name: 'plain ws', value: plain.cpu },
        ),
        rowOf('connections opened', at, '1/s', [added / seconds], { name: 'plain ws', value: plain.rate }),
        rowOf('connections opened by a core of the server', at, '1/core-s', [(1000 * added) / (opened.cpu - base.cpu)]),
        rowOf('longest standstill while they open', at, 'ms', [opened.pause]),
        rowOf('server CPU for heartbeats', { ...at, heartbeat: defaultLimits.heartbeat }, 'ms/s', [
          (after.cpu - before.cpu) / ((after.at - before.at) / 1000),
        ]),
        rowOf('longest standstill while they are idle', at, 'ms', [after.pause]),
      ];
    }),
  );
}
