import { existsSync } from 'node:fs';
import { appendFile, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunConfig } from '../server/config.ts';
import type { StoredRound } from '../server/store/store.ts';
import { FederatedError } from '../shared/errors.ts';
import { modelLayout } from '../shared/tasks/model.ts';
import { canonicalJson } from '../shared/tasks/task.ts';
import { floatBytes } from '../shared/weights.ts';
import { makeFolder } from './make-folder.ts';

/**
 * The files of a simulation beside those that every run's folder has: `store/` (from which an interrupted run goes on),
 * `clients.jsonl`, `checkpoints/` and `result.json`.
 */
export class SimulationFolder {
  /** Absolute. */
  readonly path: string;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string) {
    this.path = path;
  }

  /**
   * Makes sure that a run can be written to the folder, before anything is computed for it.
   * @throws FederatedError BAD_FILE, BAD_ARGUMENT
   */
  static async open(out: string): Promise<SimulationFolder> {
    const path = await makeFolder(out, 'out');
    const folder = new SimulationFolder(path);
    const files = await readdir(path);
    if (files.length > 0 && !existsSync(join(path, 'store'))) {
      throw new FederatedError(
        'BAD_ARGUMENT',
        `out: ${out} holds other files and no simulation; choose another folder`,
      );
    }
    return folder;
  }

  get store(): string {
    return join(this.path, 'store');
  }

  /** What `config.json` says, or null before there is one. */
  async config(): Promise<Readonly<Record<string, unknown>> | null> {
    return readJson(join(this.path, 'config.json'));
  }

  /** The result of a run that has ended, or null. */
  async result<T>(): Promise<T | null> {
    return readJson(join(this.path, 'result.json'));
  }

  saveResult(result: object): Promise<void> {
    return writeWhole(join(this.path, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
  }

  /** Lines of single clients; they are written in order. */
  appendClients(lines: readonly object[]): void {
    this.#append('clients.jsonl', lines);
  }

  /** The real seconds of each round: not in `metrics.jsonl`, which the same seed writes to the same byte. */
  appendTime(line: { readonly round: number; readonly result: unknown; readonly 'time/wall': number }): void {
    this.#append('time.jsonl', [line]);
  }

  /** The real seconds of the rounds so far, s. */
  async secondsBefore(): Promise<number> {
    const lines = await readLines(join(this.path, 'time.jsonl'));
    return lines.reduce((sum, { value }) => sum + Number(value['time/wall'] ?? 0), 0);
  }

  #append(file: string, lines: readonly object[]): void {
    if (lines.length === 0) return;
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    this.#writing = this.#writing.then(() => appendFile(join(this.path, file), text));
    this.#writing.catch(() => {}); // `settled` throws it
  }

  /**
   * Drops what was written of rounds that were not stored before the run was interrupted: they are done again.
   * @param stored - every attempt that has ended
   */
  async keepOnly(stored: readonly StoredRound[]): Promise<void> {
    const committed = stored.findLast(({ record }) => record.result !== 'abandoned')?.record.round ?? 0;
    const clients = await readLines(join(this.path, 'clients.jsonl'));
    await this.#rewrite('clients.jsonl', clients, ({ value }) => (value['round'] as number) <= committed);
    const times = await readLines(join(this.path, 'time.jsonl'));
    await this.#rewrite('time.jsonl', times, ({ value }) => (value['round'] as number) <= committed);
    const events = await readLines(join(this.path, 'events.jsonl'));
    const last = events.findLastIndex(({ value }) => isOfStored(value, stored));
    await this.#rewrite('events.jsonl', events, (_, i) => i <= last);
  }

  /** Forgets what a round's model gave on the clients, since it is measured again; their reports stay. */
  async forgetMeasures(round: number): Promise<void> {
    await this.settled();
    const clients = await readLines(join(this.path, 'clients.jsonl'));
    await this.#rewrite('clients.jsonl', clients, ({ value }) => value['round'] !== round || 'norm' in value);
  }

  async #rewrite(file: string, lines: readonly Line[], keep: (line: Line, index: number) => boolean): Promise<void> {
    const path = join(this.path, file);
    if (!existsSync(path)) return;
    await writeWhole(
      path,
      lines
        .filter(keep)
        .map(({ text }) => `${text}\n`)
        .join(''),
    );
  }

  /** The model of a round as `checkpoints/NAME`: float32, little-endian, and what it is made of. */
  async saveCheckpoint(
    name: string,
    { round, weights, config }: { readonly round: number; readonly weights: Float32Array; readonly config: RunConfig },
  ): Promise<void> {
    const { task } = config;
    const path = join(this.path, 'checkpoints', name);
    await makeFolder(path, 'out');
    await writeWhole(join(path, 'weights.bin'), floatBytes(weights));
    const model = { format: 'float32-le', round, layout: modelLayout(task.model), task };
    await writeWhole(join(path, 'model.json'), `${JSON.stringify(model, null, 2)}\n`);
  }

  /** Resolves when all lines are written. */
  settled(): Promise<void> {
    return this.#writing;
  }
}

/**
 * Makes sure that a folder can hold several runs, each in a folder of its own.
 * @returns what is in it
 * @throws FederatedError BAD_FILE, BAD_ARGUMENT
 */
export async function openRunsFolder(out: string): Promise<string[]> {
  const names = await readdir(await makeFolder(out, 'out'));
  if (!names.includes('store')) return names;
  throw new FederatedError('BAD_ARGUMENT', `out: ${out} holds a simulation; choose another folder for several of them`);
}

/**
 * Makes sure that the run in a folder is the one that is asked for.
 * @param there - what its `config.json` says; @param here - what it would say
 * @throws FederatedError BAD_ARGUMENT naming the first setting that differs
 */
export function checkSameRun(
  path: string,
  there: Readonly<Record<string, unknown>>,
  here: Readonly<Record<string, unknown>>,
): void {
  for (const key of Object.keys({ ...there, ...here }).toSorted()) {
    const [a, b] = [canonicalJson(there[key] ?? null), canonicalJson(here[key] ?? null)];
    if (a === b) continue;
    const values = a.length + b.length < 120 ? `: ${a} there, ${b} here` : '';
    throw new FederatedError(
      'BAD_ARGUMENT',
      `out: ${path} holds a run with another "${key}"${values}; choose another folder, or the same settings`,
    );
  }
}

interface Line {
  readonly text: string;
  readonly value: Readonly<Record<string, unknown>>;
}

/** The whole lines of a file that may end in half a one; none where it is not there. */
async function readLines(path: string): Promise<Line[]> {
  if (!existsSync(path)) return [];
  return (await readFile(path, 'utf8')).split('\n').flatMap((text): Line[] => {
    try {
      return [{ text, value: JSON.parse(text) as Line['value'] }];
    } catch {
      return []; // half a line, or none
    }
  });
}

/** Whether an event tells how a stored attempt ended, or what its model was measured to be. */
function isOfStored({ type, data }: Line['value'], stored: readonly StoredRound[]): boolean {
  const { round, attempt, result } = data as Readonly<Record<string, unknown>>;
  return stored.some(({ record, evaluation }) => {
    if (record.round !== round) return false;
    if (type === 'evaluation') return evaluation !== null;
    if (type !== 'round' || result !== record.result) return false;
    return result !== 'abandoned' || attempt === record.attempt;
  });
}

async function readJson<T>(path: string): Promise<T | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    return null;
  }
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new FederatedError('BAD_FILE', `${path}: ${(cause as Error).message}`, { cause });
  }
}

/** Whole or not at all. */
async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, content);
  await rename(draft, path);
}
