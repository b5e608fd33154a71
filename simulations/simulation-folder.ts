import { existsSync } from 'node:fs';
import { access, appendFile, constants, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { RunConfig } from '../server/config.ts';
import { FederatedError } from '../shared/errors.ts';
import { modelLayout } from '../shared/tasks/model.ts';
import { canonicalJson } from '../shared/tasks/task.ts';
import { floatBytes } from '../shared/weights.ts';

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
    const path = resolve(out);
    try {
      await mkdir(path, { recursive: true });
      await access(path, constants.W_OK);
    } catch (cause) {
      throw new FederatedError('BAD_FILE', `out: ${out} cannot be written: ${(cause as Error).message}`, { cause });
    }
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
    if (lines.length === 0) return;
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    this.#writing = this.#writing.then(() => appendFile(join(this.path, 'clients.jsonl'), text));
    this.#writing.catch(() => {}); // `settled` throws it
  }

  /** Drops the lines of rounds that were not committed before the run was interrupted. */
  async keepClients(rounds: number): Promise<void> {
    const path = join(this.path, 'clients.jsonl');
    if (!existsSync(path)) return;
    const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => {
      try {
        return (JSON.parse(line) as { round: number }).round <= rounds;
      } catch {
        return false; // half a line, or none
      }
    });
    await writeWhole(path, lines.map((line) => `${line}\n`).join(''));
  }

  /** The model of a round: float32, little-endian, and what it is made of. */
  async saveCheckpoint(round: number, weights: Float32Array, { task }: RunConfig): Promise<void> {
    const path = join(this.path, 'checkpoints', `round-${String(round).padStart(5, '0')}`);
    await mkdir(path, { recursive: true });
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
