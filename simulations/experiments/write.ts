import { join } from 'node:path';
import { FederatedError } from '../../shared/errors.ts';
import { png } from '../reports/png.ts';
import { writeAll } from '../reports/write-report.ts';
import type { Experiment } from './experiment.ts';
import { experimentFigure } from './figure.ts';
import type { Outcome } from './outcome.ts';
import { experimentPage } from './page.ts';
import type { ArmRecords } from './run-experiment.ts';

/**
 * Writes `report.html`, `figure.svg`, `outcome.json`, and `figure.png` where PNG can be made.
 * @returns the files
 * @throws FederatedError BAD_FILE
 */
export async function writeExperiment(
  out: string,
  experiment: Experiment,
  outcome: Outcome,
  arms: readonly ArmRecords[],
): Promise<string[]> {
  const files = new Map<string, string | Uint8Array>([
    [join(out, 'report.html'), experimentPage(experiment, outcome, arms)],
    [join(out, 'figure.svg'), `${experimentFigure(experiment, outcome, arms)}\n`],
    [join(out, 'outcome.json'), `${JSON.stringify(outcome, null, 2)}\n`],
  ]);
  try {
    files.set(join(out, 'figure.png'), await png(experimentFigure(experiment, outcome, arms, { theme: 'light' })));
  } catch (thrown) {
    // The package is optional, and so are fonts.
    if (!(thrown instanceof FederatedError && thrown.code === 'BAD_STATE')) throw thrown;
  }
  await writeAll(files);
  return [...files.keys()];
}
