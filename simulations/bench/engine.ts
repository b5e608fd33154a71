import { fork, spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { taskByName } from '../../shared/tasks/catalog.ts';
import type { Task } from '../../shared/tasks/task.ts';
import type { EngineSample, EngineTask, EngineVariant } from './engine-process.ts';
import { median, reportOf, rowOf, type BenchReport, type BenchRow } from './report.ts';

/**
 * How fast each engine trains: TensorFlow.js's wasm backend as it comes, the same with our kernels, our fused path, and
 * PyTorch on one thread where Python has it. The engines take turns, so that all see the same moods of the machine.
 */

export interface EngineBenchOptions {
  /** Names of the catalog. */
  readonly tasks: readonly string[];
  readonly batchSizes: readonly number[];
  /** Measurements of each engine. */
  readonly runs: number;
  /** ms of each measurement. */
  readonly ms: number;
  readonly onProgress?: (text: string) => void;
}

/** An engine at work in another process. */
interface Contender {
  readonly name: string;
  measure(ms: number): Promise<number>;
  /** GFLOP/s of a large product, where it tells. */
  product?(): Promise<number>;
  close(): void;
}

const names: Record<EngineVariant, string> = {
  stock: 'tfjs wasm, stock',
  graph: 'tfjs wasm, our kernels',
  fused: 'fused',
};
const torchName = 'PyTorch, one thread';

const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
const here = (file: string): string => fileURLToPath(new URL(`./${file}`, import.meta.url));

export async function benchEngine(options: EngineBenchOptions): Promise<BenchReport> {
  const say = options.onProgress ?? (() => {});
  const rows: BenchRow[] = [];
  for (const name of options.tasks) {
    const task = taskByName(name);
    for (const batchSize of options.batchSizes) {
      say(`${name}, batches of ${batchSize}`);
      const contenders = await start(task, batchSize, say);
      try {
        rows.push(...(await compare(contenders, task, batchSize, options)));
        if (rows.every(({ metric }) => metric !== product)) rows.push(...(await compareProducts(contenders)));
      } finally {
        for (const contender of contenders) contender.close();
      }
    }
  }
  return reportOf('engine', rows);
}

async function start(task: Task, batchSize: number, say: (text: string) => void): Promise<Contender[]> {
  const contenders: Contender[] = [];
  const starts = [
    ...(['stock', 'graph', 'fused'] as const).map((variant) => () => startOurs({ variant, task, batchSize })),
    () => startTorch(task, batchSize),
  ];
  for (const begin of starts) {
    const contender = await begin();
    if (typeof contender === 'string') say(`  without ${contender}`);
    else contenders.push(contender);
  }
  return contenders;
}

async function compare(
  contenders: readonly Contender[],
  { name }: Task,
  batchSize: number,
  { runs, ms }: EngineBenchOptions,
): Promise<BenchRow[]> {
  const values = new Map(contenders.map(({ name: engine }) => [engine, [] as number[]]));
  for (let run = 0; run < runs; run++) {
    for (const contender of contenders) values.get(contender.name)!.push(await contender.measure(ms));
  }
  const rowFor = (engine: string, against: string | null): BenchRow[] => {
    const base = against === null ? undefined : values.get(against);
    if (against !== null && (base === undefined || engine === against)) return [];
    const baseline = base === undefined ? undefined : { name: against!, value: median(base) };
    return [rowOf('training', { task: name, batchSize, engine }, 'examples/s', values.get(engine)!, baseline)];
  };
  return [...values.keys()].flatMap((engine) => {
    const ratios = [names.stock, torchName].flatMap((against) => rowFor(engine, against));
    return ratios.length > 0 ? ratios : rowFor(engine, null);
  });
}

const product = 'product of 512 x 512 matrices';

/** Our product against the stock one. */
async function compareProducts(contenders: readonly Contender[]): Promise<BenchRow[]> {
  const [stock, fused] = [names.stock, names.fused].map((name) => contenders.find((each) => each.name === name));
  if (stock?.product === undefined || fused?.product === undefined) return [];
  const values: [number[], number[]] = [[], []];
  for (let run = 0; run < 5; run++) {
    values[0].push(await stock.product());
    values[1].push(await fused.product());
  }
  return [
    rowOf(product, { engine: names.fused }, 'GFLOP/s', values[1], { name: names.stock, value: median(values[0]) }),
  ];
}

/** The next sample of a process, or why there is none. */
const nextSample = (child: ChildProcess): Promise<EngineSample> =>
  new Promise((resolve) => {
    const onExit = (code: number | null): void => resolve({ type: 'failed', reason: `its process ended with ${code}` });
    child.once('exit', onExit);
    child.once('message', (sample: EngineSample) => {
      child.off('exit', onExit);
      resolve(sample);
    });
  });

/** An engine of ours, or a sentence why it cannot train this model. */
async function startOurs(task: EngineTask): Promise<Contender | string> {
  const child = fork(here(`engine-process${extension}`), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  child.send(task);
  const first = await nextSample(child);
  if (first.type === 'failed') {
    child.kill();
    return `${names[task.variant]}: ${first.reason}`;
  }
  const ask = async (request: unknown): Promise<number> => {
    child.send(request as object);
    const sample = await nextSample(child);
    if (sample.type === 'measured' || sample.type === 'product') return sample.value;
    throw new Error(sample.type === 'failed' ? sample.reason : 'no measurement');
  };
  return {
    name: names[task.variant],
    measure: (ms) => ask({ ms }),
    product: () => ask('product'),
    close: () => void child.kill(),
  };
}

/** PyTorch, from `$FEDLOOM_PYTHON` or the first Python that has it, or a sentence why not. */
async function startTorch({ model }: Task, batchSize: number): Promise<Contender | string> {
  const own = process.env['FEDLOOM_PYTHON'];
  let reason = '';
  for (const python of own === undefined ? ['python3', '/usr/bin/python3'] : [own]) {
    const child = spawn(python, [here('engine-torch.py')], { stdio: ['pipe', 'pipe', 'ignore'] });
    child.once('error', () => {}); // not found: the lines end
    child.stdin.once('error', () => {});
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const ask = async (request: unknown): Promise<Record<string, unknown> | null> => {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const line = await lines.next();
      return line.done === true ? null : (JSON.parse(line.value) as Record<string, unknown>);
    };
    const answer = await ask({ model, batchSize });
    if (answer?.['ready'] === undefined) {
      child.kill();
      reason = answer === null ? 'no Python with torch was found' : String(answer['failed']);
      continue;
    }
    return {
      name: torchName,
      measure: async (ms) => Number((await ask({ ms }))?.['value']),
      close: () => void child.kill(),
    };
  }
  return `${torchName}: ${reason}`;
}
