import { join } from 'node:path';
import { FederatedError } from '../../shared/errors.ts';
import { seriesOf } from '../reports/headline.ts';
import { readFolder } from '../reports/read-folder.ts';
import type { RunRecord } from '../reports/run-record.ts';
import { loadOnce } from '../load-once.ts';
import { prepare } from '../prepare.ts';
import type { SimulatedRound, SimulationResult } from '../result.ts';
import { runSimulation } from '../run-simulation.ts';
import type { SimulationOptions } from '../simulate-options.ts';
import { armsOf, settingsOf, type Experiment, type Form } from './experiment.ts';
import { outcomeOf, type ArmRun, type Outcome } from './outcome.ts';

export interface ExperimentOptions {
  readonly form: Form;
  readonly seeds: readonly number[];
  /** Some of its arms, by name; default: all of the form. */
  readonly arms?: readonly string[];
  /** Folder of the run folders: `ARM/seed=1`. Runs that have ended there are not made again. */
  readonly out: string;
  readonly workers?: number;
  readonly signal: AbortSignal;
  /** A run begins. @param number - from 1 */
  readonly onRun?: (run: {
    readonly arm: string;
    readonly seed: number;
    readonly number: number;
    readonly of: number;
  }) => void;
  readonly onRound?: (round: SimulatedRound, options: SimulationOptions) => void;
}

/** An arm with its runs as they lie in their folders. */
export interface ArmRecords {
  readonly arm: string;
  readonly runs: readonly RunRecord[];
}

/**
 * Runs every arm with every seed, one after the other, and compares what they gave with the claim.
 * @throws FederatedError whatever `simulate` refuses, before the first run begins
 */
export async function runExperiment(
  experiment: Experiment,
  { form, seeds, arms: some, out, workers, signal, onRun, onRound }: ExperimentOptions,
): Promise<{ readonly outcome: Outcome; readonly arms: readonly ArmRecords[] }> {
  const load = loadOnce();
  const arms = pickArms(experiment, form, some);
  const optionsOf = (arm: string, seed: number): SimulationOptions => ({
    ...settingsOf(experiment, arm, form),
    seed,
    ...(workers === undefined ? {} : { workers }),
    out: join(out, folderOf(arm), `seed=${seed}`),
  });
  for (const arm of arms) await prepare(optionsOf(arm, seeds[0] ?? 1), load); // none begins before all are known to be good
  const plan = arms.flatMap((arm) => seeds.map((seed) => ({ arm, seed })));
  const runs: ArmRun[] = [];
  const records = new Map<string, RunRecord[]>();
  for (const [i, { arm, seed }] of plan.entries()) {
    onRun?.({ arm, seed, number: i + 1, of: plan.length });
    const options = optionsOf(arm, seed);
    const { result } = await runSimulation(options, {
      onRound: (round) => onRound?.(round, options),
      signal,
      load,
    });
    const record = await readFolder(options.out!);
    records.set(arm, [...(records.get(arm) ?? []), record]);
    runs.push({ arm, seed, values: experiment.measures.map((measure) => valueOf(measure, result, record)) });
  }
  return {
    outcome: outcomeOf(experiment, form, runs),
    arms: [...records].map(([arm, own]) => ({ arm, runs: own })),
  };
}

/** @throws FederatedError BAD_ARGUMENT naming those that there are */
export function pickArms(experiment: Experiment, form: Form, some?: readonly string[]): readonly string[] {
  const all = armsOf(experiment, form);
  const unknown = some?.find((arm) => !all.includes(arm));
  if (unknown === undefined) return all.filter((arm) => some?.includes(arm) ?? true);
  const known = all.map((arm) => JSON.stringify(arm)).join(', ');
  throw new FederatedError('BAD_ARGUMENT', `arm: no ${JSON.stringify(unknown)}; known are ${known}`);
}

/** @throws FederatedError BAD_STATE for a tag that the run has not measured */
function valueOf(measure: string, result: SimulationResult, record: RunRecord): number | null {
  if (measure === 'rounds-to-target') return result.roundsToTarget;
  const last = seriesOf(record, measure).at(-1);
  const isMissing = record.rounds.some(({ missing }) => missing.includes(measure));
  if (last === undefined && !isMissing) {
    throw new FederatedError('BAD_STATE', `experiment: the run in ${record.source} has not measured ${measure}`);
  }
  const diverged = record.rounds.at(-1)?.missing.includes(measure) === true;
  return diverged ? null : (last?.value ?? null);
}

/** The folder of an arm: its name with what a file's name cannot hold as `-`. */
export const folderOf = (arm: string): string => arm.replace(/[^A-Za-z0-9=,.+-]+/g, '-');
