import { createEngine } from '../../shared/engine/create-engine.ts';
import { sampleBatch } from '../../shared/engine/sample-batch.ts';
import { trainLocally } from '../../shared/engine/training.ts';
import { initialWeights } from '../../shared/tasks/initial.ts';
import { taskByName } from '../../shared/tasks/catalog.ts';
import type { LoadedData } from '../datasets/loaded.ts';
import { simulate } from '../simulate.ts';

/** A part of the simulation benchmark in a process of its own, so that its memory is its own. Started by `simulate.ts`. */

export type SimulateTask =
  /** Bare training and simulations in turns: ms a round of each. */
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

export type SimulateSample =
  | { readonly type: 'speed'; readonly bare: readonly number[]; readonly simulated: readonly (readonly number[])[] }
  | { readonly type: 'memory'; readonly bytes: number };

/** The 2NN of McMahan et al. 2017 at E = 1, B = 10. */
const task = taskByName('mnist-2nn');
const seed = 1;
/** Rounds before the first that is measured: until the code is compiled. */
const warmUp = 2;

const dataOf = (count: number): LoadedData => ({
  ...sampleBatch(task.model, count),
  name: 'made up',
  features: [784],
  classes: 10,
});

/** What the clients of a round do, and nothing else: ms a round. */
async function bareRounds(data: LoadedData, clients: number, rounds: number): Promise<number> {
  const engine = await createEngine({ model: task.model, backend: 'wasm' });
  const weights = initialWeights(task.model, seed);
  const size = data.count / clients;
  const lists = Array.from({ length: clients }, (_, client) =>
    Uint32Array.from({ length: size }, (__, i) => client * size + i),
  );
  let startedAt = 0;
  for (let round = 1; round <= warmUp + rounds; round++) {
    if (round === warmUp + 1) startedAt = performance.now();
    for (const [client, indices] of lists.entries()) {
      engine.setWeights(weights);
      await trainLocally(engine, data, task.training, { seed: client, round, indices, yieldEvery: 64 });
    }
  }
  engine.dispose();
  return (performance.now() - startedAt) / rounds;
}

async function simulatedRounds(data: LoadedData, clients: number, rounds: number, workers: number): Promise<number> {
  const options = { task, data, test: 'none', clients, rounds: warmUp + rounds + 1, workers, seed, backend: 'wasm' };
  const times: number[] = [];
  for await (const _ of simulate(options)) times.push(performance.now());
  return (times[warmUp + rounds - 1]! - times[warmUp - 1]!) / rounds;
}

async function measureSpeed(wanted: Extract<SimulateTask, { type: 'speed' }>): Promise<SimulateSample> {
  const { clientsPerRound, examples, rounds, runs, workers } = wanted;
  const data = dataOf(clientsPerRound * examples);
  const bare: number[] = [];
  const simulated = workers.map((): number[] => []);
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
