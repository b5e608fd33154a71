import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FederatedError } from '../../../shared/errors.ts';
import { initialWeights } from '../../../shared/tasks/initial.ts';
import { modelLayout, type ModelSpec } from '../../../shared/tasks/model.ts';
import { floatBytes, sizeOf } from '../../../shared/weights.ts';
import type { LoadedData } from '../../datasets/loaded.ts';
import { loadOnce } from '../../load-once.ts';
import { prepare, type Prepared } from '../../prepare.ts';
import { runSimulation } from '../../run-simulation.ts';
import type { SimulationOptions } from '../../simulate-options.ts';
import { reportOf, rowOf, type BenchReport } from '../report.ts';

/** The same model, initial weights, partition and rounds in Flower's simulation and in this one: wall times side by side. */

export interface FlowerBenchOptions {
  readonly task: string;
  readonly partition: string;
  readonly clients: number;
  readonly clientsPerRound: number;
  readonly rounds: number;
  readonly workers?: number;
  readonly runs: number;
  readonly onProgress?: (text: string) => void;
}

/** What the script says of a run. */
export interface PeerRun {
  readonly seconds: number;
  readonly accuracy: number | null;
  /** Flower's version; null in a plain loop. */
  readonly flower: string | null;
}

const script = fileURLToPath(new URL('./flower-simulation.py', import.meta.url));
const advice =
  'install it with: python3 -m pip install "flwr[simulation]" numpy, and name that Python in FEDLOOM_PYTHON if it is not python3';

/**
 * @throws FederatedError NOT_FOUND when Flower is not installed, before anything runs; BAD_ARGUMENT for a task whose model has
 *   other layers than dense ones
 */
export async function benchFlower(options: FlowerBenchOptions): Promise<BenchReport> {
  const { runs, workers = availableParallelism(), onProgress: say = () => {}, ...asked } = options;
  const settings: SimulationOptions = { ...asked, workers, seed: 1 };
  await checkFlower();
  const load = loadOnce();
  const folder = await mkdtemp(join(tmpdir(), 'fedloom-flower-'));
  try {
    await writeProblem(folder, await prepare(settings, load), workers);
    const theirs: PeerRun[] = [];
    const ours: { seconds: number; accuracy: number | null }[] = [];
    for (let run = 1; run <= runs; run++) {
      say(`run ${run} of ${runs}: Flower`);
      theirs.push(await runPeer(folder));
      say(`run ${run} of ${runs}: fedloom`);
      const { result } = await runSimulation(settings, {
        onRound: () => {},
        signal: new AbortController().signal,
        load, // neither side reads the files of the set
      });
      ours.push(result);
    }
    const at = { ...asked, workers, flower: theirs[0]?.flower ?? 'unknown' };
    const percent = (all: readonly { readonly accuracy: number | null }[]): number[] =>
      all.map(({ accuracy }) => 100 * (accuracy ?? Number.NaN));
    const seconds = (all: readonly { readonly seconds: number }[]): number[] => all.map((each) => each.seconds);
    const baseline = rowOf('a whole run', at, 's', seconds(theirs));
    return reportOf('flower', [
      { ...baseline, params: { ...at, framework: 'Flower' } },
      rowOf('a whole run', { ...at, framework: 'fedloom' }, 's', seconds(ours), { name: 'Flower', value: baseline.value }), // prettier-ignore
      rowOf('its accuracy', { ...at, framework: 'Flower' }, '%', percent(theirs)),
      rowOf('its accuracy', { ...at, framework: 'fedloom' }, '%', percent(ours)),
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Writes what the script reads: settings, initial weights, and each client's examples one after the other. */
export async function writeProblem(folder: string, prepared: Prepared, workers: number): Promise<void> {
  const { config, data, test, lists } = prepared;
  const { model, training } = config.task;
  const { batchSize, localEpochs, clientLearningRate, optimizer } = training;
  if (!isPlain(model) || optimizer.name !== 'sgd') {
    throw new FederatedError(
      'BAD_ARGUMENT',
      `bench: ${config.task.name}: Flower's side has dense layers with ReLU, softmax at the end and plain SGD alone; take mnist-2nn or mnist-logistic`,
    );
  }
  if (test === null) throw new FederatedError('BAD_ARGUMENT', 'bench: the task has no test examples');
  let end = 0;
  const parts = lists.map(({ length }) => [end, (end += length)]);
  const settings = {
    shapes: modelLayout(model).map(({ shape }) => shape),
    features: sizeOf(data.features),
    parts,
    clientsPerRound: config.clientsPerRound ?? lists.length,
    rounds: config.rounds,
    localEpochs,
    batchSize: batchSize === 'full' ? null : batchSize,
    clientLearningRate,
    seed: config.seed,
    workers,
  };
  const order = lists.flatMap((list) => [...list]);
  const all = Array.from({ length: test.count }, (_, i) => i);
  await Promise.all([
    writeFile(join(folder, 'settings.json'), JSON.stringify(settings)),
    writeFile(join(folder, 'weights.f32'), floatBytes(initialWeights(model, config.seed))),
    writeFile(join(folder, 'xs.f32'), floatBytes(rowsOf(data, order))),
    writeFile(join(folder, 'ys.i32'), labelsOf(data, order)),
    writeFile(join(folder, 'test-xs.f32'), floatBytes(rowsOf(test, all))),
    writeFile(join(folder, 'test-ys.i32'), labelsOf(test, all)),
  ]);
}

function isPlain({ layers, loss }: ModelSpec): boolean {
  if (loss !== 'sparse-categorical-crossentropy') return false;
  return layers.every((layer, i) => {
    if (layer.type !== 'dense' || !layer.useBias) return false;
    return layer.activation === (i === layers.length - 1 ? 'softmax' : 'relu');
  });
}

function rowsOf({ xs, features }: LoadedData, order: readonly number[]): Float32Array {
  const size = sizeOf(features);
  const rows = new Float32Array(order.length * size);
  for (const [i, index] of order.entries()) rows.set(xs.subarray(index * size, (index + 1) * size), i * size);
  return rows;
}

const labelsOf = ({ ys }: LoadedData, order: readonly number[]): Uint8Array =>
  new Uint8Array(Int32Array.from(order, (index) => ys[index]!).buffer);

const python = (): string => process.env['FEDLOOM_PYTHON'] ?? 'python3';

/** @throws FederatedError NOT_FOUND in one sentence, with what to do */
async function checkFlower(): Promise<void> {
  const { code } = await runPython(['-c', 'import flwr, ray, numpy']);
  if (code === 0) return;
  throw new FederatedError(
    'NOT_FOUND',
    `bench: Flower with its simulation is not installed for ${python()}; ${advice}`,
  );
}

/**
 * Runs the script on a folder of `writeProblem`.
 * @param plain - a plain loop in place of Flower
 * @throws FederatedError NOT_FOUND for a package that is missing, BAD_STATE when it fails
 */
export async function runPeer(folder: string, { plain = false }: { readonly plain?: boolean } = {}): Promise<PeerRun> {
  const { code, out, err } = await runPython([script, folder, ...(plain ? ['--plain'] : [])]);
  const line = out.trimEnd().split('\n').at(-1) ?? '';
  if (code !== 0 || !line.startsWith('{')) {
    const why = err.trimEnd().split('\n').at(-1) ?? '';
    throw new FederatedError('BAD_STATE', `bench: Flower's simulation ended with ${code}: ${why}`);
  }
  const said = JSON.parse(line) as PeerRun | { readonly missing: string };
  if ('missing' in said) {
    throw new FederatedError('NOT_FOUND', `bench: ${python()} has no package ${said.missing}; ${advice}`);
  }
  return said;
}

const runPython = (args: readonly string[]): Promise<{ code: number | null; out: string; err: string }> =>
  new Promise((resolve) => {
    const child = spawn(python(), args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, err] = ['', ''];
    child.stdout.on('data', (text: Buffer) => (out += text.toString()));
    child.stderr.on('data', (text: Buffer) => (err = (err + text.toString()).slice(-10_000)));
    child.on('error', (error) => resolve({ code: null, out, err: error.message }));
    child.on('close', (code) => resolve({ code, out, err }));
  });
