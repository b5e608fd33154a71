import { FederatedError } from '../../shared/errors.ts';
import { initialWeights } from '../../shared/tasks/initial.ts';
import type { Speeds } from './load-baselines.ts';
import { flags, megabyte, modelAt, withServer, type Say } from './load-processes.ts';
import { loadConfig, loadTask } from './load-round.ts';
import { BenchProcess } from './process.ts';
import { rowOf, type BenchRow } from './report.ts';
import { swarmUpdate } from './swarm-update.ts';

/** Real clients, since every one has to mask; each sends the same update, so that its mean is itself. */
export async function measureSecure(clients: number, params: number, speeds: Speeds, say: Say): Promise<BenchRow[]> {
  say(`a round of ${clients} clients with secure aggregation`);
  const config = { ...loadConfig(params, clients), secureAggregation: true };
  const initial = initialWeights(loadTask(params).model, config.seed);
  return withServer(config, async (server, { joinLink, url, adminToken }) => {
    const swarm = new BenchProcess<never>('swarm-process', flags);
    try {
      swarm.send({ joinLink, clients });
      const begun = await server.next('begun');
      const ended = await server.next('round');
      if (ended.data['reports'] !== clients) {
        throw new FederatedError(
          'INTERNAL',
          `load: ${String(ended.data['reports'])} masked reports count, of ${clients}`,
        );
      }
      const weights = await modelAt(url, adminToken, String(ended.data['weights']));
      const worst = weights.reduce((most, value, i) => Math.max(most, Math.abs(value - initial[i]! - swarmUpdate)), 0);
      const at = { clients, params, secure: 1 };
      const cpu = (ended.cpu - begun.cpu) / 1000;
      const accumulators = (4 * params) / megabyte; // the masked sum
      const speed = (4 * params * clients) / megabyte / cpu;
      return [
        rowOf('uploads received, summed and unmasked', at, 'MB/core-s', [speed], {
          name: 'plain TCP',
          value: speeds.tcp,
        }),
        rowOf('round', at, 's', [(ended.at - begun.at) / 1000]),
        rowOf('memory at peak, without the accumulators', at, 'MB', [ended.peakRss / megabyte - accumulators]),
        rowOf('largest error of a weight', at, 'weight', [worst]),
      ];
    } finally {
      await swarm.stop();
    }
  });
}
