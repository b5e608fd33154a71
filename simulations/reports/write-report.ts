import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FederatedError } from '../../shared/errors.ts';
import { makeFolder } from '../make-folder.ts';
import { png } from './png.ts';
import { reportPage } from './report-page.ts';
import { runPlots } from './run-plots.ts';
import type { RunRecord } from './run-record.ts';

export interface ReportFiles {
  readonly report: string;
  readonly plots: readonly string[];
}

/**
 * Writes the report and its plots.
 * @param out - the HTML file
 * @param plots - folder of `accuracy.svg`, `loss.svg`, ...; made where it is missing
 * @param withPng - also `accuracy.png`, ...
 * @throws FederatedError BAD_FILE when something cannot be written, BAD_STATE when PNG cannot be made here
 */
export async function writeReport(
  run: RunRecord,
  { out, plots, withPng = false }: { readonly out: string; readonly plots: string; readonly withPng?: boolean },
): Promise<ReportFiles> {
  const files = new Map<string, string | Uint8Array>();
  for (const plot of runPlots(run)) {
    const svg = plot.svg();
    files.set(join(plots, `${plot.name}.svg`), `${svg}\n`);
    if (withPng) files.set(join(plots, `${plot.name}.png`), await png(plot.svg({ theme: 'light' })));
  }
  await writeAll(files, 'plots');
  await writeAll(new Map([[out, reportPage(run)]]));
  return { report: out, plots: [...files.keys()] };
}

/** Writes files, and the folders that they need. @param what - the setting that names them. @throws FederatedError BAD_FILE */
export async function writeAll(files: ReadonlyMap<string, string | Uint8Array>, what = 'out'): Promise<void> {
  for (const [file, content] of files) {
    await makeFolder(dirname(file), what);
    try {
      await writeFile(file, content);
    } catch (cause) {
      throw new FederatedError('BAD_FILE', `${what}: ${file} cannot be written: ${(cause as Error).message}`, {
        cause,
      });
    }
  }
}
