import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { arch, cpus, platform, totalmem } from 'node:os';
import { join } from 'node:path';
import type { RunId } from '../shared/ids.ts';
import { version } from '../shared/version.ts';
import type { EventLog } from './event-log.ts';
import type { Operations } from './operations.ts';

/**
 * A run's folder for people and their tools: `config.json`, `env.json`, `metrics.jsonl` (a line a round) and
 * `events.jsonl`. Everything in it can be made again from the store; the store never reads it.
 */
export class RunFolder {
  readonly path: string;
  readonly #stopListening: () => void;
  #writing: Promise<void> = Promise.resolve();
  #round: Record<string, unknown> = {};

  /** Makes the folder of a run that is in the store, and writes what happens from now on. */
  static async begin(parent: string, run: RunId, operations: Operations, events: EventLog): Promise<RunFolder> {
    const path = join(parent, run);
    await mkdir(path, { recursive: true });
    const cpu = cpus();
    const env = {
      fedloom: version,
      node: process.version,
      platform: platform(),
      arch: arch(),
      cpu: cpu[0]?.model ?? '',
      cores: cpu.length,
      memory: totalmem(),
    };
    await writeFile(join(path, 'config.json'), `${JSON.stringify(await operations.config(run), null, 2)}\n`);
    await writeFile(join(path, 'env.json'), `${JSON.stringify(env, null, 2)}\n`);
    return new RunFolder(path, run, events);
  }

  private constructor(path: string, run: RunId, events: EventLog) {
    this.path = path;
    this.#stopListening = events.listen((event) => {
      if (event.run !== run) return;
      this.#append('events.jsonl', event);
      const { data } = event;
      if (event.type === 'round' && data['result'] !== undefined) {
        const { metrics, ...rest } = data;
        this.#round = { ...rest, ...(metrics as object | undefined) };
        if (data['result'] === 'abandoned') this.#append('metrics.jsonl', this.#round);
      }
      // A round's line is complete when the next phase after its commit has begun or its evaluation is there.
      if (event.type === 'evaluation') {
        const { round: _, ...measured } = data;
        const prefixed = Object.fromEntries(Object.entries(measured).map(([key, value]) => [`eval/${key}`, value]));
        this.#append('metrics.jsonl', { ...this.#round, ...prefixed });
      }
    });
  }

  #append(name: string, line: object): void {
    this.#writing = this.#writing
      .then(() => appendFile(join(this.path, name), `${JSON.stringify(line)}\n`))
      .catch(() => {});
  }

  /** Resolves when everything so far is written. */
  async close(): Promise<void> {
    this.#stopListening();
    await this.#writing;
  }
}
