import { Command, InvalidArgumentError, Option } from 'commander';
import { FederatedError } from '../shared/errors.ts';
import type { DeviceModel } from '../simulations/devices.ts';
import { partitionExamples } from '../simulations/partitions/parse.ts';
import { simulate, type SimulatedRound, type SimulationOptions } from '../simulations/simulate.ts';
import { transports } from '../simulations/simulate-options.ts';
import { bold, dim, printJson, runAction, say } from './output.ts';
import { Progress } from './progress.ts';
import { addRunFlags, number, readConfigFile, runConfigFrom, runFlagNames, type RunFlags } from './run-options.ts';

/** Settings of the devices, as flags and as keys of a config file. */
const deviceKeys = ['speed', 'spread', 'stragglers', 'slowdown', 'dropout'] as const;
/** Settings that a simulation has beside those of a run. */
const ownKeys = ['data', 'test', 'partition', 'clients', 'workers', 'transport', 'backend', 'out'] as const;

type Flags = RunFlags &
  Partial<Record<(typeof ownKeys)[number] | (typeof deviceKeys)[number], unknown>> & {
    readonly config?: string;
    readonly json: boolean;
  };

const part = (text: string): number => {
  const value = number(text);
  if (value < 0 || value > 1) throw new InvalidArgumentError('expected a number from 0 to 1');
  return value;
};

export const command = (): Command =>
  addRunFlags(new Command('simulate').description('Many clients on one machine, through the code of a deployment.'))
    .option('--data <spec>', "examples of the clients (what the task names); 'fedloom data ls' lists the sets")
    .option('--test <spec>', "examples that measure the model (the test examples of the data); 'none': not measured")
    .option('--partition <spec>', `how the examples are spread: ${partitionExamples().join(', ')} (iid)`)
    .option('--clients <n>', 'clients (100, or as many as the partition makes)', number)
    .option('--workers <n>', 'threads that train (one a core); the result does not depend on it', number)
    .addOption(
      new Option('--transport <name>', 'memory: virtual time; ws: encrypted sockets on this machine (memory)').choices(
        transports,
      ),
    )
    .option('--backend <name>', 'what trains (auto)')
    .option('--speed <n>', 'examples that the median device trains on in a virtual second (no time passes)', number)
    .option('--spread <x>', 'standard deviation of the logarithm of the speeds (0)', number)
    .option('--stragglers <share>', 'part of the trainings that take --slowdown times as long (0)', part)
    .option('--slowdown <x>', 'how much slower a straggler is (10)', number)
    .option('--dropout <share>', 'part of the trainings in which the device dies (0)', part)
    .option('--out <dir>', 'folder of the run; an interrupted run in it goes on')
    .option('-c, --config <file>', 'options as YAML; flags win')
    .option('--json', 'one JSON object on stdout', false)
    .action((flags: Flags) => runAction(flags.json, () => run(flags)));

async function run(given: Flags): Promise<void> {
  const { config, json, ...flags } = given;
  const known = [...runFlagNames, ...ownKeys, ...deviceKeys];
  const file = config === undefined ? {} : await readConfigFile(config, known);
  const options = await optionsFrom({ ...file, ...flags });
  const abort = new AbortController();
  const interrupt = (): void => abort.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    const simulation = simulate({ ...options, signal: abort.signal });
    let progress: Progress | null = null;
    const total = options.rounds ?? 100;
    for await (const round of simulation) {
      progress ??= new Progress(total, { done: round.round - 1 });
      progress.step(round.round, textOf(round));
    }
    const result = await simulation.result;
    progress?.end();
    if (json) return printJson(result);
    const { accuracy, loss, rounds, seconds, workers, backend, weightsSha256 } = result;
    const measured =
      accuracy !== null
        ? `Accuracy ${(100 * accuracy).toFixed(2)} %`
        : loss !== null
          ? `Loss ${loss.toFixed(4)}`
          : 'Done';
    say(`  ${bold(measured)} after ${rounds} rounds and ${seconds.toFixed(1)} s, ${workers} workers on ${backend}.`);
    if (result.targetAccuracy !== null) {
      const reached = result.roundsToTarget;
      say(`  Target ${result.targetAccuracy}: ${reached === null ? 'not reached' : `reached in round ${reached}`}.`);
    }
    say(dim(`  Weights ${weightsSha256}`));
  } catch (error) {
    if (abort.signal.aborted) throw new FederatedError('ABORTED', 'the simulation was interrupted');
    throw error;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

function textOf({ result, accuracy, loss }: SimulatedRound): string {
  if (result === 'abandoned') return 'abandoned';
  if (loss === null) return result;
  return accuracy === null ? `loss ${loss.toFixed(4)}` : `acc ${accuracy.toFixed(4)} loss ${loss.toFixed(4)}`;
}

/** @throws FederatedError BAD_CONFIG, NOT_FOUND, BAD_FILE, BAD_TASK */
async function optionsFrom(flags: Record<string, unknown>): Promise<SimulationOptions> {
  if (flags['minClients'] !== undefined) {
    throw new FederatedError('BAD_CONFIG', 'minClients: in a simulation all clients are there; give clients instead');
  }
  const config = await runConfigFrom(flags as RunFlags, () => 1);
  const own = Object.fromEntries(ownKeys.filter((key) => flags[key] !== undefined).map((key) => [key, flags[key]]));
  const devices = Object.fromEntries(
    deviceKeys.filter((key) => flags[key] !== undefined).map((key) => [key, flags[key]]),
  ) as DeviceModel;
  return { ...config, ...own, ...(Object.keys(devices).length > 0 ? { devices } : {}) } as unknown as SimulationOptions;
}
