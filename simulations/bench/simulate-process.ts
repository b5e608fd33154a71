import { createEngine } from '../../shared/engine/create-engine.ts';
import { sampleBatch } from '../../shared/engine/sample-batch.ts';
import { trainLocally } from '../../shared/engine/training.ts';
import { initialWeights } from '../../shared/tasks/initial.ts';
import { taskByName } from '../../shared/tasks/catalog.ts';
import type { LoadedData } from '../datasets/loaded.ts';
import { simulate } from '../simulate.ts';
import { median } from './report.ts';

/** A part of the simulation benchmark in a process of its own, so that its memory is its own. Started by `simulate.ts`. */

export type SimulateTask =
  /** Bare training and simulations in turns: the pace of each. */
  | {
      readonly type: 'speed';
      readonly workers: readonly number[];
      readonly clientsPerRound: number;
      readonly examples: number;
      readonly rounds: number;
      readonly runs: number;
    }
  /** Peak memory of a simulation, bytes. */
  | { readonly type: 'memory'; readonly clients: number; readonly examples: number; readonly rounds: number };

/** What the middle one of some rounds takes: a machine that is busy for a moment lengthens few of them. */
export interface Pace {
  readonly ms: number;
  /** Of all threads: what a busy machine does not lengthen. */
  readonly cpuMs: number;
}

export type SimulateSample =
  | { readonly type: 'speed'; readonly bare: readonly Pace[]; readonly simulated: readonly (readonly Pace[])[] }
  | { readonly type: 'memory'; readonly bytes: number };

/** The 2NN of McMahan et al. 2017 at E = 1, B = 10. */
const task = taskByName('mnist-2nn');
const seed = 1;
/** Rounds before the first that is measured: until the code is compiled. */
const warmUp = 4;

const dataOf = (count: number): LoadedData => ({
  ...sampleBatch(task.model, count),
  name: 'made up',
  features: [784],
  classes: 10,
});

interface Mark {
  readonly at: number;
  readonly cpu: number;
}

function mark(): Mark {
  const { user, system } = process.cpuUsage();
  return { at: performance.now(), cpu: (user + system) / 1_000 };
}

/** @param marks - before the first round, and after each */
function paceOf(marks: readonly Mark[]): Pace {
  const spans = (of: (mark: Mark) => number): number[] => marks.slice(1).map((mark, i) => of(mark) - of(marks[i]!));
  return { ms: median(spans(({ at }) => at)), cpuMs: median(spans(({ cpu }) => cpu)) };
}

/** What the clients of a round do, and nothing else. */
async function bareRounds(data: LoadedData, clients: number, rounds: number): Promise<Pace> {
  const engine = await createEngine({ model: task.model, backend: 'wasm' });
  const weights = initialWeights(task.model, seed);
  const size = data.count / clients;
  const lists = Array.from({ length: clients }, (_, client) =>
    Uint32Array.from({ length: size }, (__, i) => client * size + i),
  );
  const marks: Mark[] = [];
  for (let round = 1; round <= warmUp + rounds; round++) {
    for (const [client, indices] of lists.entries()) {
      engine.setWeights(weights);
      await trainLocally(engine, data, task.training, {
        seed: client,
        round,
        indices,
        yieldEvery: 64,
        before: weights,
      });
    }
    marks.push(mark());
  }
  engine.dispose();
  return paceOf(marks.slice(warmUp - 1));
}

async function simulatedRounds(data: LoadedData, clients: number, rounds: number, workers: number): Promise<Pace> {
  const options = { task, data, test: 'none', clients, rounds: warmUp + rounds + 1, workers, seed, backend: 'wasm' };
  const marks: Mark[] = [];
  for await (const _ of simulate(options)) marks.push(mark());
  return paceOf(marks.slice(warmUp - 1, -1)); // the last one ends with the run
}

async function measureSpeed(wanted: Extract<SimulateTask, { type: 'speed' }>): Promise<SimulateSample> {
  const { clientsPerRound, examples, rounds, runs, workers } = wanted;
  const data = dataOf(clientsPerRound * examples);
  const bare: Pace[] = [];
  const simulated = workers.map((): Pace[] => []);
  for (let run = 0; run < runs; run++) {
    bare.push(await bareRounds(data, clientsPerRound, rounds));
    for (const [i, count] of workers.entries()) {
      simulated[i]!.push(await simulatedRounds(data, clientsPerRound, rounds, count));
    }
  }
  return { type: 'speed', bare, simulated };
}

async function measureMemory(wanted: Extract<SimulateTask, { type: 'memory' }>): Promise<SimulateSample> {
  const { clients, examples, rounds } = wanted;
  const options = {
    task,
    data: dataOf(examples),
    test: 'none',
    clients,
    clientsPerRound: 10,
    rounds,
    seed,
    workers: 2,
  };
  await simulate({ ...options, backend: 'wasm' }).result;
  return { type: 'memory', bytes: 1024 * process.resourceUsage().maxRSS };
}

process.once('message', (wanted: SimulateTask) => {
  const measured = wanted.type === 'speed' ? measureSpeed(wanted) : measureMemory(wanted);
  void measured.then((sample) => process.send!(sample, () => process.disconnect()));
});
