import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { FederatedError } from '../../shared/errors.ts';
import { find } from '../datasets/registry.ts';
import { simulate } from '../simulate.ts';
import { median, reportOf, rowOf, type BenchReport, type BenchRow } from './report.ts';
import type { Pace, SimulateSample, SimulateTask } from './simulate-process.ts';

/**
 * What a simulation costs beside the training itself: updates and examples a second, the gain of more workers, the overhead over
 * bare training, memory by the number of clients, and the time of a whole run in the setting of another simulator.
 */

export interface SimulateBenchOptions {
  /** Numbers of threads to compare; the first is the baseline. */
  readonly workers?: readonly number[];
  /** Numbers of virtual clients for the memory; the first is the baseline. */
  readonly clients: readonly number[];
  /** Rounds of each measurement. */
  readonly rounds: number;
  /** Measurements of each. */
  readonly runs: number;
  readonly onProgress?: (text: string) => void;
}

const clientsPerRound = 10;
const examples = 600;
/** For the memory: as many as 10,000 clients can share. */
const sharedExamples = 20_000;

export async function benchSimulate(options: SimulateBenchOptions): Promise<BenchReport> {
  const { clients, rounds, runs, onProgress: say = () => {} } = options;
  const workers = options.workers ?? [...new Set([1, availableParallelism()])];
  return reportOf('simulate', [
    ...(await speedRows(workers, rounds, runs, say)),
    ...(await memoryRows(clients, say)),
    ...(await wholeRun(workers.at(-1)!, say)),
  ]);
}

async function speedRows(
  workers: readonly number[],
  rounds: number,
  runs: number,
  say: (text: string) => void,
): Promise<BenchRow[]> {
  say(`speed: 2NN, E 1, B 10, ${clientsPerRound} clients of ${examples} examples, workers ${workers.join(', ')}`);
  const task = { type: 'speed', workers, clientsPerRound, examples, rounds, runs } as const;
  const { bare, simulated } = await inProcess(task);
  const perSecond = (count: number, paces: readonly Pace[]): number[] => paces.map(({ ms }) => (1_000 * count) / ms);
  const bareSpeed = median(perSecond(clientsPerRound * examples, bare));
  return workers.flatMap((count, i) => {
    const paces = simulated[i]!;
    const at = { task: 'mnist-2nn', workers: count, clientsPerRound, examples, localEpochs: 1, batchSize: 10 };
    const rows = [
      rowOf('client updates', at, '1/s', perSecond(clientsPerRound, paces)),
      rowOf('examples trained on', at, '1/s', perSecond(clientsPerRound * examples, paces), {
        name: 'bare training, one thread',
        value: bareSpeed,
      }),
    ];
    // Each run with its own baseline: both have seen the same mood of the machine.
    const over = (of: (pace: Pace) => number): number[] =>
      paces.map((pace, run) => 100 * (of(pace) / of(bare[run]!) - 1));
    rows.push(
      rowOf(
        'CPU time over bare training',
        at,
        '%',
        over(({ cpuMs }) => cpuMs),
      ),
    );
    if (count === 1)
      rows.push(
        rowOf(
          'time over bare training',
          at,
          '%',
          over(({ ms }) => ms),
        ),
      );
    if (i === 0) return rows;
    const gains = paces.map(({ ms }, run) => simulated[0]![run]!.ms / ms);
    const ideal = { name: 'as many times the threads', value: count / workers[0]! };
    return [...rows, rowOf(`speed-up over ${workers[0]} worker`, at, 'x', gains, ideal)];
  });
}

async function memoryRows(clients: readonly number[], say: (text: string) => void): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  let least: number | null = null;
  for (const count of clients) {
    say(`memory: ${count} virtual clients`);
    const { bytes } = await inProcess({ type: 'memory', clients: count, examples: sharedExamples, rounds: 5 });
    const baseline = least === null ? undefined : { name: `${clients[0]} clients`, value: least };
    least ??= bytes / 1e6;
    rows.push(
      rowOf('peak memory', { clients: count, workers: 2, examples: sharedExamples }, 'MB', [bytes / 1e6], baseline),
    );
  }
  return rows;
}

/**
 * LR on MNIST as FLUTE's benchmark has it: 1,000 clients, 10 a round, 100 rounds, one epoch.
 * @see Garcia et al., FLUTE: A Scalable, Extensible Framework for High-Performance Federated Learning Simulations, 2022, table of
 *   LR-MNIST: 3 min 20 s on a CPU, Flower 30 min 14 s, accuracy about 80 %
 */
async function wholeRun(workers: number, say: (text: string) => void): Promise<BenchRow[]> {
  const set = await find('mnist-60k'); // the part that comes with the package is too small for so many clients
  if ((await set.locate()) === null) {
    say(`left out: a whole run on the full MNIST; ${set.advice}`);
    return [];
  }
  say('a whole run: logistic regression, 1,000 clients, 10 a round, 100 rounds');
  const { seconds, accuracy } = await simulate({
    task: 'mnist-logistic',
    data: set.name,
    partition: 'distribution:2',
    clients: 1_000,
    clientsPerRound: 10,
    rounds: 100,
    workers,
    seed: 1,
  }).result;
  const at = {
    task: 'mnist-logistic',
    data: set.name,
    partition: 'distribution:2',
    clients: 1_000,
    clientsPerRound: 10,
  };
  const all = { ...at, rounds: 100, localEpochs: 1, workers };
  return [
    rowOf('a whole run, data and all', all, 's', [seconds], { name: 'FLUTE on a CPU, as published', value: 200 }),
    rowOf('its accuracy', all, '%', [100 * accuracy!], { name: 'as published', value: 80 }),
  ];
}

const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
const script = fileURLToPath(new URL(`./simulate-process${extension}`, import.meta.url));

function inProcess<T extends SimulateTask['type']>(
  task: Extract<SimulateTask, { type: T }>,
): Promise<Extract<SimulateSample, { type: T }>> {
  const child = fork(script, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  return new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) =>
      reject(new FederatedError('INTERNAL', `the benchmark's process ended with code ${code}`)),
    );
    child.send(task);
  });
}
