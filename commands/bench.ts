import { Command, InvalidArgumentError, Option } from 'commander';
import { generatorNames } from '../shared/crypto/primitives.ts';
import type { BenchReport } from '../simulations/bench/report.ts';
import { benchEngine } from '../simulations/bench/engine.ts';
import { benchSecAgg, type SecAggBenchOptions } from '../simulations/bench/secagg.ts';
import { benchLoad, type LoadBenchOptions } from '../simulations/bench/load.ts';
import { benchServer } from '../simulations/bench/server.ts';
import { benchFlower, type FlowerBenchOptions } from '../simulations/bench/peers/flower.ts';
import { benchSimulate, type SimulateBenchOptions } from '../simulations/bench/simulate.ts';
import { printJson, printTable, runAction, say } from './output.ts';
import { whole } from './run-options.ts';

const counts = (text: string): number[] =>
  text.split(',').map((each) => {
    const value = Number(each);
    if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('expected whole numbers such as 10,100');
    return value;
  });

export const command = (): Command => {
  const bench = new Command('bench').description('Measures, with ratios to a baseline of the same run.');
  bench
    .command('server')
    .description('what the server costs: CPU a client and round, upload speed, memory, orchestration')
    .option('--clients <list>', 'numbers of clients', counts, [10, 100])
    .option('--params <list>', 'numbers of parameters', counts, [302_474])
    .option('--rounds <n>', 'rounds measured, after one to warm up', whole(1), 5)
    .option('--idle <n>', 'idle connections for the memory figure; 0: none', whole(0), 2_000)
    .option('--plain', 'without the Node flag --no-incremental-marking', false)
    .option('--json', 'one JSON object on stdout', false)
    .action(
      (options: { clients: number[]; params: number[]; rounds: number; idle: number; plain: boolean; json: boolean }) =>
        runAction(options.json, async () => print(await benchServer({ ...options, onProgress: say }), options.json)),
    );
  bench
    .command('engine')
    .description('how fast each engine trains: stock TensorFlow.js, our kernels, the fused path, PyTorch if installed')
    .option('--tasks <list>', 'names of tasks', (text) => text.split(','), ['mnist-2nn', 'mnist-cnn', 'char-lstm'])
    .option('--batch-sizes <list>', 'examples in a step', counts, [10, 50])
    .option('--runs <n>', 'measurements of each engine', whole(1), 5)
    .option('--ms <n>', 'length of a measurement', whole(1), 1_000)
    .option('--json', 'one JSON object on stdout', false)
    .action((options: { tasks: string[]; batchSizes: number[]; runs: number; ms: number; json: boolean }) =>
      runAction(options.json, async () => print(await benchEngine({ ...options, onProgress: say }), options.json)),
    );
  bench
    .command('secagg')
    .description('what secure aggregation costs: CPU of a client and of the server, traffic, memory')
    .option('--clients <list>', 'numbers of clients', counts, [20, 100])
    .option('--params <list>', 'numbers of parameters', counts, [1_200_000])
    .option('--dropout <share>', 'the share of clients that drop out once they have shared', Number, 0.1)
    .addOption(
      new Option('--generator <name>', 'what makes the masks (what clients on this machine agree on)').choices(
        generatorNames,
      ),
    )
    .option('--runs <n>', 'attempts of each (3; of models above 4 million parameters 1)', whole(1))
    .option('--browser', 'a client in Chromium as well, beside the same in Node', false)
    .option('--json', 'one JSON object on stdout', false)
    .action((options: SecAggBenchOptions & { json: boolean }) =>
      runAction(options.json, async () => print(await benchSecAgg({ ...options, onProgress: say }), options.json)),
    );
  bench
    .command('load')
    .description('the server under load: idle connections, a round of large updates, liars and slow readers beside it')
    .option('--idle <n>', 'idle connections; 0: none', whole(0), 10_000)
    .option('--watch <seconds>', 'how long they are watched', whole(1), 20)
    .option('--clients <n>', 'clients of the large round; 0: none', whole(0), 1_000)
    .option('--params <n>', 'parameters of its model', whole(1), 1_650_000)
    .option('--besieged <n>', 'clients of a round beside as many liars and as many slow readers; 0: none', whole(0), 50)
    .option('--baseline <MB>', 'bytes of a measurement without Fedloom', whole(1), 500)
    .option('--secure <n>', 'clients of a round with secure aggregation; 0: none', whole(0), 20)
    .option('--json', 'one JSON object on stdout', false)
    .action((options: LoadBenchOptions & { json: boolean }) =>
      runAction(options.json, async () => print(await benchLoad({ ...options, onProgress: say }), options.json)),
    );
  bench
    .command('simulate')
    .description(
      'what a simulation costs beside the training: speed by workers, overhead, memory by clients, a whole run',
    )
    .option('--workers <list>', 'numbers of threads (1 and one a core)', counts)
    .option('--clients <list>', 'numbers of virtual clients for the memory', counts, [10, 1_000, 10_000])
    .option('--rounds <n>', 'rounds of each measurement', whole(1), 10)
    .option('--runs <n>', 'measurements of each', whole(1), 5)
    .option('--json', 'one JSON object on stdout', false)
    .action((options: SimulateBenchOptions & { json: boolean }) =>
      runAction(options.json, async () => print(await benchSimulate({ ...options, onProgress: say }), options.json)),
    );
  bench
    .command('flower')
    .description("the same federation in Flower's simulation, where it is installed: wall times side by side")
    .option('--task <name>', 'a task of dense layers', 'mnist-2nn')
    .option('--partition <spec>', 'how the examples are spread', 'iid')
    .option('--clients <n>', 'clients', whole(1), 100)
    .option('--clients-per-round <n>', 'clients in a round', whole(1), 10)
    .option('--rounds <n>', 'rounds of a run', whole(1), 20)
    .option('--workers <n>', 'threads here, processes there (one a core)', whole(1))
    .option('--runs <n>', 'measurements of each', whole(1), 3)
    .option('--json', 'one JSON object on stdout', false)
    .action((options: FlowerBenchOptions & { json: boolean }) => {
      const { json, ...asked } = options;
      return runAction(json, async () => print(await benchFlower({ ...asked, onProgress: say }), json));
    });
  return bench;
};

function print(report: BenchReport, json: boolean): void {
  if (json) return printJson(report);
  const rows = report.rows.map(({ metric, params, value, unit, baseline, ratio, min, max }) => [
    metric,
    Object.entries(params)
      .map(([key, each]) => `${key} ${each}`)
      .join(', '),
    `${value} ${unit}`,
    `${min} to ${max}`,
    baseline === undefined ? '' : `${ratio} x ${baseline.name} (${baseline.value})`,
  ]);
  printTable([['metric', 'parameters', 'median', 'range', 'baseline'], ...rows]);
}
