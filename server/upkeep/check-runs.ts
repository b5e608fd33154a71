import { createHash } from 'node:crypto';
import { FederatedError } from '../../shared/errors.ts';
import type { Sha256 } from '../../shared/ids.ts';
import { findBreak } from '../../shared/round-log.ts';
import { initialWeights } from '../../shared/tasks/initial.ts';
import { encodeTask } from '../../shared/tasks/task.ts';
import { floatBytes } from '../../shared/weights.ts';
import { checkRunConfig } from '../config.ts';
import type { Contents } from './contents.ts';
import type { Finding } from './finding.ts';

/** A blob that can be made again from a run's settings. */
export type Derived = ReadonlyMap<Sha256, () => Uint8Array>;

/** Checks each run against itself: its settings, the chain of its log, and that log and run tell the same story. */
export function checkRuns({ runs, rounds }: Contents): { readonly findings: Finding[]; readonly derived: Derived } {
  const findings: Finding[] = [];
  const derived = new Map<Sha256, () => Uint8Array>();
  for (const run of runs) {
    const lost = (message: string): void => void findings.push({ kind: 'lost', where: `run ${run.id}`, message });
    try {
      checkRunConfig(run.config);
    } catch (error) {
      lost(`its settings are damaged: ${(error as FederatedError).message}`);
      continue;
    }
    const records = (rounds.get(run.id) ?? []).map(({ record }) => record);
    const broken = findBreak(records);
    if (broken !== -1) {
      lost(
        `its log is damaged from record ${broken + 1} of ${records.length} on: that record does not follow the one before it`,
      );
    }
    const { config } = run;
    const task = encodeTask(config.task);
    if (idOf(task) === run.task) derived.set(run.task, () => task);
    else lost('its task is not the one of its settings');
    const first = records[0]?.weightsBefore ?? run.weights;
    const initial = floatBytes(initialWeights(config.task.model, config.seed));
    if (idOf(initial) === first) derived.set(first, () => initial);
    else lost('its first model is not the one of its settings and seed');

    let [round, weights] = [0, first];
    for (const { result, ...record } of records) {
      if (record.weightsBefore !== weights)
        lost(`record ${record.sequence} starts from another model than the one before ends with`);
      if (record.round !== round + 1)
        lost(`record ${record.sequence} is of round ${record.round}, expected ${round + 1}`);
      if (result === 'abandoned') continue;
      round = record.round;
      weights = record.weightsAfter;
    }
    if (run.round !== round) lost(`it stands at round ${run.round}, its log at round ${round}`);
    if (run.weights !== weights) lost('its model is not the one that its log ends with');
  }
  return { findings, derived };
}

const idOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
