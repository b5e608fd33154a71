import { readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { FederatedError } from '../../shared/errors.ts';
import { parseJsonLines, type JsonLines } from './json-lines.ts';
import { clientLineOf, roundOf, type RunRecord } from './run-record.ts';

/** Whether a folder has what `readFolder` reads. */
export const isRunFolder = async (folder: string): Promise<boolean> =>
  (await stat(join(folder, 'metrics.jsonl')).catch(() => null))?.isFile() === true;

/**
 * Reads a run's folder back: `metrics.jsonl` must be there, `config.json`, `env.json` and `clients.jsonl` may be.
 * @throws FederatedError NOT_FOUND when it is no run folder, BAD_FILE with file and line when something in it is broken
 */
export async function readFolder(folder: string): Promise<RunRecord> {
  const path = resolve(folder);
  if (!(await isRunFolder(path))) {
    const what = (await stat(path).catch(() => null))?.isDirectory() === true ? 'has no metrics.jsonl' : 'is not there';
    throw new FederatedError(
      'NOT_FOUND',
      `${folder} ${what}; expected the folder of a run, such as <data-dir>/runs/<run>`,
    );
  }
  const config = await readJson(join(path, 'config.json'));
  const metrics = await readLines(join(path, 'metrics.jsonl'));
  const clients = await readLines(join(path, 'clients.jsonl'));
  const times = timesOf(await readLines(join(path, 'time.jsonl')));
  return {
    name: basename(path),
    source: path,
    state: null,
    startedAt: await firstEvent(join(path, 'events.jsonl')),
    config: config ?? {},
    env: await readJson(join(path, 'env.json')),
    rounds: metrics.lines.map(({ number, value }) => {
      const wall = times.get(attemptOf(value));
      const line = wall === undefined ? value : { ...value, 'time/wall': wall };
      return roundOf(line, `${join(path, 'metrics.jsonl')}, line ${number}`);
    }),
    clients: clients.lines.map(({ number, value }) =>
      clientLineOf(value, `${join(path, 'clients.jsonl')}, line ${number}`),
    ),
    notes: [
      ...(config === null ? ['There is no config.json: the settings of the run are not known.'] : []),
      ...metrics.notes,
      ...clients.notes,
    ],
  };
}

/** The real seconds of a simulation's rounds, which lie in a file of their own. */
const timesOf = ({ lines }: JsonLines): ReadonlyMap<string, unknown> =>
  new Map(lines.map(({ value }) => [attemptOf(value), value['time/wall']]));

const attemptOf = ({ round, attempt, result }: Readonly<Record<string, unknown>>): string =>
  JSON.stringify([round, result, result === 'abandoned' ? attempt : null]);

/** When the first event was, ms since 1970; null when that is not known. */
async function firstEvent(file: string): Promise<number | null> {
  const content = await read(file);
  const end = content?.indexOf(0x0a) ?? -1;
  if (content === null || end < 0) return null;
  const at = parseJsonLines(file, content.subarray(0, end + 1)).lines[0]?.value['at'];
  return typeof at === 'number' && at > 0 ? at : null;
}

/** The bytes of a file, or null when it is not there. */
async function read(file: string): Promise<Uint8Array | null> {
  try {
    return await readFile(file);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new FederatedError('BAD_FILE', `${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

async function readLines(file: string): Promise<JsonLines> {
  const content = await read(file);
  return content === null ? { lines: [], notes: [] } : parseJsonLines(file, content);
}

async function readJson(file: string): Promise<Readonly<Record<string, unknown>> | null> {
  const content = await read(file);
  if (content === null) return null;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(content));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // said below
  }
  throw new FederatedError('BAD_FILE', `${file}: expected one JSON object`);
}
