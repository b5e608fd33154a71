import { appendFile, writeFile } from 'node:fs/promises';
import { arch, cpus, platform, totalmem } from 'node:os';
import { join } from 'node:path';
import type { RunId } from '../../shared/ids.ts';
import { version } from '../../shared/version.ts';
import type { EventLog } from '../event-log.ts';
import type { Operations } from '../operations.ts';
import { linesOf, RoundLines, type RoundLine } from './round-lines.ts';
import { makeFolder } from '../store/make-folder.ts';

/** What a run's folder is written from. */
export interface RunSource {
  readonly run: RunId;
  readonly operations: Pick<Operations, 'config' | 'rounds'>;
  readonly events: EventLog;
  /** What `config.json` says beside the run's config. */
  readonly about?: Readonly<Record<string, unknown>>;
  /** The words of the command that made the run, for `env.json`. */
  readonly command?: readonly string[];
}

/**
 * A run's folder for people and their tools: `config.json`, `env.json`, `metrics.jsonl` (a line a round) and
 * `events.jsonl`. Everything but the events can be made again from the store; the store never reads it.
 */
export class RunFolder {
  readonly path: string;
  readonly #lines: RoundLines;
  readonly #stopListening: () => void;
  #writing: Promise<void> = Promise.resolve();

  /** Makes the folder of a run that is in the store, under the run's name, and writes what happens from now on. */
  static begin(
    parent: string,
    run: RunId,
    operations: Operations,
    events: EventLog,
    command?: readonly string[],
  ): Promise<RunFolder> {
    const source = { run, operations, events, ...(command === undefined ? {} : { command }) };
    return RunFolder.open(join(parent, run), source);
  }

  /** The same in a folder of any name. The lines of the rounds so far are written anew. */
  static async open(path: string, { run, operations, events, about = {}, command }: RunSource): Promise<RunFolder> {
    await makeFolder(path);
    const cpu = cpus();
    const env = {
      fedloom: version,
      node: process.version,
      platform: platform(),
      arch: arch(),
      cpu: cpu[0]?.model ?? '',
      cores: cpu.length,
      memory: totalmem(),
      ...(command === undefined ? {} : { command }),
    };
    const config = { ...(await operations.config(run)), ...about };
    await writeFile(join(path, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
    await writeFile(join(path, 'env.json'), `${JSON.stringify(env, null, 2)}\n`);
    const rounds = await operations.rounds(run);
    const lines = linesOf(rounds).map((line) => `${JSON.stringify(line)}\n`);
    await writeFile(join(path, 'metrics.jsonl'), lines.join(''));
    return new RunFolder(path, run, events, RoundLines.after(rounds));
  }

  private constructor(path: string, run: RunId, events: EventLog, lines: RoundLines) {
    this.path = path;
    this.#lines = lines;
    this.#stopListening = events.listen((event) => {
      if (event.run !== run) return;
      this.#append('events.jsonl', [event]);
      this.#append('metrics.jsonl', this.#lines.take(event));
    });
  }

  #append(name: string, lines: readonly (object | RoundLine)[]): void {
    if (lines.length === 0) return;
    this.#writing = this.#writing
      .then(() => appendFile(join(this.path, name), lines.map((line) => `${JSON.stringify(line)}\n`).join('')))
      .catch(() => {});
  }

  /** Resolves when everything so far is written. */
  async close(): Promise<void> {
    this.#stopListening();
    this.#append('metrics.jsonl', this.#lines.end());
    await this.#writing;
  }
}
