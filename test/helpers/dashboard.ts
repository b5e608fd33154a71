import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface BuildScript {
  readonly maxDashboardBytes: number;
  buildDashboard(folder: string): Promise<void>;
  /** Bytes by gzip, by file. */
  sizesOf(folder: string): Record<string, number>;
}
const script = new URL('../../scripts/build-dashboard.mjs', import.meta.url).href;
export const dashboardScript = (await import(script)) as BuildScript;

/** Where the tests leave what they make: ignored by git. */
export const outputFolder = (name: string): string => {
  const folder = fileURLToPath(new URL(`../../test-output/${name}/`, import.meta.url));
  mkdirSync(folder, { recursive: true });
  return folder;
};

let built: Promise<string> | undefined;

/** The folder of the operator's page, built from its sources once per process. */
export function dashboardFolder(): Promise<string> {
  const folder = outputFolder('dashboard-build');
  built ??= dashboardScript.buildDashboard(folder).then(() => folder);
  return built;
}
