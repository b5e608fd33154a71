import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { nodeGenerators } from '../../client/node/generators.ts';
import type { GeneratorName } from '../../shared/crypto/primitives.ts';
import { FederatedError } from '../../shared/errors.ts';
import { median, reportOf, rowOf, type BenchReport, type BenchRow } from './report.ts';
import { hasThinGraph, type AttemptSample, type AttemptTask } from './secagg-attempt.ts';
import { browserTimes, nodeTimes } from './secagg-browser.ts';
import { fromText, totalOf, type ClientTimes } from './secagg-client.ts';

/** What secure aggregation costs each client and the server, beside the plain sum of the same updates. */

export interface SecAggBenchOptions {
  readonly clients: readonly number[];
  readonly params: readonly number[];
  /** The share of clients that drop out once they have shared, from 0 to below 1/3. */
  readonly dropout: number;
  /** Of masks. Default: what a cohort of clients on this machine agrees on. */
  readonly generator?: GeneratorName;
  /** Attempts for each row, each in a process of its own. Default: 3, of models above 4 million parameters 1. */
  readonly runs?: number;
  /** Whether a client in Chromium is measured beside Node's. */
  readonly browser: boolean;
  readonly onProgress?: (text: string) => void;
}

/** What a cohort with a browser in it agrees on. */
const inBrowsers: GeneratorName = 'chacha20';

/** From so many clients on a graph that is not complete is measured as well. */
const thinFrom = 40;

/** @throws FederatedError BAD_ARGUMENT; INTERNAL when a sum was not that of the inputs */
export async function benchSecAgg(options: SecAggBenchOptions): Promise<BenchReport> {
  const { dropout, generator = nodeGenerators().at(-1)! } = options;
  if (!(dropout >= 0 && dropout < 1 / 3)) {
    throw new FederatedError('BAD_ARGUMENT', `bench secagg: the drop-out is from 0 to below 1/3, got ${dropout}`);
  }
  if (options.clients.some((clients) => clients < 4 || clients > 255)) {
    throw new FederatedError('BAD_ARGUMENT', 'bench secagg: complete graphs have 4 to 255 clients');
  }
  const say = options.onProgress ?? (() => {});
  const rows: BenchRow[] = [];
  for (const parameters of options.params) {
    for (const clients of options.clients) {
      for (const graph of ['complete', 'thin'] as const) {
        if (graph === 'thin' && (clients < thinFrom || !hasThinGraph(clients))) continue;
        const task = { clients, parameters, graph, dropout, generator };
        say(`${clients} clients x ${parameters} parameters, ${graph} graph, ${generator}`);
        const samples: AttemptSample[] = [];
        // One attempt with a large model takes as long as many with a small one, and says as much.
        const times = options.runs ?? (parameters > 4_000_000 ? 1 : 3);
        for (let run = 0; run < times; run++) samples.push(await measure(task));
        rows.push(...rowsOf(task, samples));
        if (!options.browser) continue;
        const mixed = { ...task, generator: inBrowsers };
        const sample = generator === inBrowsers ? samples.at(-1)! : await measure(mixed);
        rows.push(...(await browserRows(mixed, sample, say)));
      }
    }
  }
  return reportOf('secagg', rows);
}

const graphName = ({ degree }: AttemptSample, clients: number): string =>
  degree === clients - 1 ? 'complete' : 'k-regular';

type At = Pick<AttemptTask, 'clients' | 'parameters' | 'generator'>;

const paramsOf = ({ clients, parameters, generator }: At, sample: AttemptSample): BenchRow['params'] => {
  const { degree, threshold, dropped } = sample;
  return { clients, parameters, graph: graphName(sample, clients), degree, threshold, dropped, generator };
};

function rowsOf(task: AttemptTask, samples: readonly AttemptSample[]): BenchRow[] {
  const at = paramsOf(task, samples[0]!);
  const clients = samples.flatMap((sample) => sample.clients);
  const each = (part: (sample: AttemptSample) => number): number[] => samples.map(part);
  const cpu = ({ server }: AttemptSample): number => server.keys + server.masks + server.messages;
  const plain = { name: 'plain aggregation', value: median(each((sample) => sample.plain)) };
  const vector = { name: 'packed vector', value: samples[0]!.vector };
  const memory = samples.flatMap(({ serverMemory }) => serverMemory ?? []);
  return [
    rowOf('client-cpu', at, 'ms', clients.map(totalOf)),
    ...(['masks', 'encode', 'keys'] as const).map((part) =>
      rowOf(
        `client-${part}`,
        at,
        'ms',
        clients.map((times) => times[part]),
      ),
    ),
    rowOf('server-cpu', at, 'ms', each(cpu)),
    ...(['masks', 'keys', 'messages'] as const).map((part) =>
      rowOf(
        `server-${part}`,
        at,
        'ms',
        each(({ server }) => server[part]),
      ),
    ),
    rowOf(
      'server-wall',
      at,
      'ms',
      each(({ serverWall }) => serverWall),
    ),
    rowOf(
      'server-add',
      at,
      'ms',
      each(({ server }) => server.add),
    ),
    rowOf(
      'server-total',
      at,
      'ms',
      each((sample) => cpu(sample) + sample.server.add),
      plain,
    ),
    rowOf(
      'upload-bytes',
      at,
      'B',
      each(({ upload }) => upload),
      vector,
    ),
    rowOf(
      'download-bytes',
      at,
      'B',
      each(({ download }) => download),
    ),
    ...(memory.length === 0 ? [] : [rowOf('server-memory', at, 'B', memory)]),
  ];
}

/** The client's part again, in turns in Node and in Chromium, both by the clock. */
async function browserRows(task: At, sample: AttemptSample, say: (text: string) => void): Promise<BenchRow[]> {
  const before = await nodeTimes(sample.transcript);
  const found = await browserTimes(sample.transcript);
  if (typeof found === 'string') {
    say(`  without Chromium: ${found}`);
    return [];
  }
  const node = [...before, ...(await nodeTimes(sample.transcript))];
  const at = paramsOf(task, sample);
  const row = (metric: string, part: (times: ClientTimes) => number): BenchRow =>
    rowOf(metric, at, 'ms', found.map(part), { name: 'the same in Node', value: median(node.map(part)) });
  return [
    row('browser-client', totalOf),
    row('browser-client-masks', ({ masks }) => masks),
    row('browser-client-encode', ({ encode }) => encode),
    row('browser-client-keys', ({ keys }) => keys),
  ];
}

const script = fileURLToPath(
  new URL(`./secagg-process${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
);

/** One attempt in a process of its own. */
function measure(task: AttemptTask): Promise<AttemptSample> {
  const child = fork(script, { execArgv: [...process.execArgv, '--expose-gc'], stdio: ['ignore', 2, 2, 'ipc'] });
  return new Promise((resolve, reject) => {
    child.once('message', (text: string) => resolve(fromText(text) as AttemptSample));
    child.once('exit', (code) =>
      reject(new FederatedError('INTERNAL', `bench secagg: its process ended with code ${code}`)),
    );
    child.send(task);
  });
}
