import { createHash } from 'node:crypto';
import { FederatedError } from '../../shared/errors.ts';
import { quantile } from '../../shared/statistics.ts';
import { initialWeights } from '../../shared/tasks/initial.ts';
import { checkTask, type Task } from '../../shared/tasks/task.ts';
import { floatBytes } from '../../shared/weights.ts';
import type { Speeds } from './load-baselines.ts';
import { patternMean } from './load-pattern.ts';
import { megabyte, modelAt, open, sampleOf, withServer, withSwarms, type Say, type Swarm } from './load-processes.ts';
import type { LoadSwarmReport } from './load-swarm-process.ts';
import { rowOf, type BenchRow } from './report.ts';
import type { ServerSample } from './server-process.ts';

/** Rounds of many large updates: alone, and beside liars and slow readers. */

export const loadConfig = (
  params: number,
  clients: number,
  minReports = clients,
): { seed: number } & Record<string, unknown> => ({
  task: loadTask(params),
  rounds: 1,
  minClients: clients,
  minReports,
  roundTimeout: 3_600_000,
  sendTimeout: 600_000,
  secureAggregation: false,
  evaluateEvery: 0,
  seed: 1,
});

/** One layer; its units keep the inputs below the million that a task may have. */
export function loadTask(params: number): Task {
  const units = Math.ceil(params / 1_000_000);
  if (params % units !== 0) {
    throw new FederatedError(
      'BAD_ARGUMENT',
      `load: the number of parameters must be a multiple of ${units}, got ${params}`,
    );
  }
  const inputs = params / units;
  return checkTask({
    format: 'fedloom-task-1',
    name: 'load',
    model: { input: [inputs], layers: [{ type: 'dense', units, useBias: false }], loss: 'mean-squared-error' },
    data: { features: [inputs], labels: { targets: units } },
    training: { localEpochs: 1, batchSize: 1, clientLearningRate: 0.1, optimizer: 'sgd' },
  });
}

interface RoundLoad {
  /** Honest clients; their reports are all that may count. */
  readonly clients: number;
  readonly params: number;
  /** Liars that are picked, too, and slow readers that are not. */
  readonly liars?: number;
  readonly slowReaders?: number;
}

interface RoundOutcome {
  readonly rows: BenchRow[];
  /** s, from the word to train to the last report's commit */
  readonly seconds: number;
  /** ms of the server's CPU time */
  readonly cpu: number;
  readonly receipt99: number;
  readonly cutOff: number;
  readonly nonsense: number;
}

/** @throws FederatedError INTERNAL when a report was lost or counted twice, or the model is not the reference */
export async function measureRound(load: RoundLoad, speeds: Speeds, say: Say): Promise<RoundOutcome> {
  const { clients, params, liars = 0, slowReaders = 0 } = load;
  say(
    `a round of ${clients} clients x ${((4 * params) / megabyte).toFixed(1)} MB, ${liars} liars, ${slowReaders} slow readers`,
  );
  const config = loadConfig(params, clients + liars, clients);
  const initial = initialWeights(loadTask(params).model, config.seed);
  const blob = createHash('sha256').update(floatBytes(initial)).digest('hex');
  return withServer(config, (server, { joinLink, url, adminToken }) =>
    withSwarms(liars > 0 ? 4 : 2, async (swarms) => {
      const wanted = { joinLink, params, blob };
      const [one, two, ...others] = swarms;
      if (slowReaders > 0) {
        const asks = { behaviour: 'slow-reader', first: 0, clients: slowReaders, heartbeat: 50 } as const;
        await open(others.slice(1), { ...wanted, ...asks }, 30);
      }
      if (liars > 0)
        await open(others.slice(0, 1), { ...wanted, behaviour: 'liar', first: clients, clients: liars }, 40);
      const rest = await sampleOf(server, 'measure');
      await open([one!, two!], { ...wanted, behaviour: 'honest', first: 0, clients });
      const begun = await server.next('begun');
      const ended = await server.next('round');
      await Promise.all([one!, two!].map((swarm) => swarm.next('committed')));
      const reports = await Promise.all(swarms.map(reportOfSwarm));
      await checkOutcome(ended, { clients, params, initial, url, adminToken });
      return outcomeOf({ load, rest, begun, ended, reports, speeds });
    }),
  );
}

async function reportOfSwarm(swarm: Swarm): Promise<LoadSwarmReport> {
  swarm.send({ type: 'report' });
  return swarm.next('report');
}

/** @throws FederatedError INTERNAL */
async function checkOutcome(
  { data }: ServerSample,
  {
    clients,
    params,
    initial,
    url,
    adminToken,
  }: { clients: number; params: number; initial: Float32Array; url: string; adminToken: string },
): Promise<void> {
  if (data['result'] !== 'done' && data['result'] !== 'short') {
    throw new FederatedError('INTERNAL', `load: the round is ${String(data['result'])}: ${String(data['reason'])}`);
  }
  if (data['reports'] !== clients) {
    throw new FederatedError('INTERNAL', `load: ${String(data['reports'])} reports count, of ${clients}`);
  }
  const weights = await modelAt(url, adminToken, String(data['weights']));
  const mean = patternMean(clients, params);
  const wrong = mean.findIndex((value, i) => weights[i] !== Math.fround(initial[i]! + value));
  if (weights.length === params && wrong === -1) return;
  throw new FederatedError('INTERNAL', `load: the model differs from the reference at weight ${wrong} of ${params}`);
}

function outcomeOf(of: {
  readonly load: RoundLoad;
  readonly rest: ServerSample;
  readonly begun: ServerSample;
  readonly ended: ServerSample;
  readonly reports: readonly LoadSwarmReport[];
  readonly speeds: Speeds;
}): RoundOutcome {
  const { load, rest, begun, ended, reports, speeds } = of;
  const { clients, params, liars = 0, slowReaders = 0 } = load;
  const at = { clients, params, MB: Math.round((4 * params) / 1e5) / 10, ...(liars > 0 ? { liars, slowReaders } : {}) };
  const sorted = (name: 'waits' | 'receipts' | 'acks'): number[] =>
    reports.flatMap((each) => each[name]).toSorted((a, b) => a - b);
  const [receipts, acks, waits] = [sorted('receipts'), sorted('acks'), sorted('waits')];
  const cpu = ended.cpu - begun.cpu;
  const seconds = (ended.at - begun.at) / 1000;
  const megabytes = (4 * params * clients) / megabyte;
  const accumulators = (16 * params) / megabyte; // see ExactSum
  const speed = megabytes / (cpu / 1000);
  const rows = [
    rowOf('uploads received, checked and summed', at, 'MB/core-s', [speed], { name: 'plain TCP', value: speeds.tcp }),
    rowOf('uploads received, checked and summed', at, 'MB/core-s', [speed], { name: 'plain ws', value: speeds.ws }),
    rowOf('uploads received, checked and summed', at, 'MB/core-s', [speed], { name: 'memcpy', value: speeds.copy }),
    rowOf('round', at, 's', [seconds]),
    rowOf('memory at peak', at, 'MB', [ended.peakRss / megabyte]),
    rowOf('memory at peak, without the accumulators', at, 'MB', [ended.peakRss / megabyte - accumulators]),
    rowOf('memory before the round', at, 'MB', [rest.rss / megabyte]),
    rowOf('longest standstill', at, 'ms', [ended.pause]),
    ...(
      [
        ['acknowledgement of a chunk', acks],
        ['from the last byte to "received"', receipts],
        ['from the offer to the word to send', waits],
      ] as const
    ).flatMap(([name, values]) =>
      values.length === 0 ? [] : [0.5, 0.99].map((q) => rowOf(`${name}, p${100 * q}`, at, 'ms', [quantile(values, q)])),
    ),
  ];
  const [liarReport] = reports.slice(2);
  return {
    rows,
    seconds,
    cpu,
    receipt99: receipts.length === 0 ? 0 : quantile(receipts, 0.99),
    cutOff: liarReport?.cutOff ?? 0,
    nonsense: liarReport?.bytes ?? 0,
  };
}

/** The same round twice: alone, then with as many liars and slow readers as there are honest clients. */
export async function measureSiege(clients: number, params: number, speeds: Speeds, say: Say): Promise<BenchRow[]> {
  const alone = await measureRound({ clients, params }, speeds, say);
  const besieged = await measureRound({ clients, params, liars: clients, slowReaders: clients }, speeds, say);
  const at = { clients, liars: clients, slowReaders: clients, params };
  const before = (value: number): { name: string; value: number } => ({ name: 'the same without them', value });
  return [
    ...besieged.rows.filter(({ metric }) => metric.startsWith('memory') || metric.startsWith('longest')),
    rowOf('round beside liars and slow readers', at, 's', [besieged.seconds], before(alone.seconds)),
    rowOf('server CPU beside liars and slow readers', at, 's', [besieged.cpu / 1000], before(alone.cpu / 1000)),
    rowOf(
      'from the last byte to "received", p99, beside them',
      at,
      'ms',
      [besieged.receipt99],
      before(alone.receipt99),
    ),
    rowOf('liars cut off', at, 'connections', [besieged.cutOff]),
    rowOf('bytes of nonsense', at, 'MB', [besieged.nonsense / megabyte]),
  ];
}
