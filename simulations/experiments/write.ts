import { join } from 'node:path';
import { FederatedError } from '../../shared/errors.ts';
import { png } from '../reports/png.ts';
import { writeAll } from '../reports/write-report.ts';
import { openRunsFolder } from '../simulation-folder.ts';
import { armsOf, type Experiment, type Form } from './experiment.ts';
import { experimentFigure } from './figure.ts';
import type { Outcome } from './outcome.ts';
import { experimentPage } from './page.ts';
import { folderOf, type ArmRecords } from './run-experiment.ts';

/** Beside the folders of the arms. */
const ownFiles = ['report.html', 'figure.svg', 'figure.png', 'outcome.json'];

/**
 * Makes sure, before anything runs, that a folder is this experiment's or can become it.
 * @throws FederatedError BAD_FILE, BAD_ARGUMENT
 */
export async function openExperimentFolder(out: string, experiment: Experiment, form: Form): Promise<void> {
  const names = await openRunsFolder(out);
  const own = [...ownFiles, ...armsOf(experiment, form).map(folderOf)];
  if (names.length === 0 || names.some((name) => own.includes(name))) return;
  throw new FederatedError(
    'BAD_ARGUMENT',
    `out: ${out} holds other files, such as ${names[0]}, and no run of ${experiment.name}; choose another folder`,
  );
}

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
