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
  readonly #run: RunId;
  readonly #stopListening: () => void;
  #writing: Promise<void>;
  #round: Record<string, unknown> = {};

  /** Begins to write what happens from now on. */
  constructor(parent: string, run: RunId, operations: Operations, events: EventLog) {
    this.path = join(parent, run);
    this.#run = run;
    this.#writing = this.#begin(operations);
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

  async #begin(operations: Operations): Promise<void> {
    await mkdir(this.path, { recursive: true });
    const env = {
      fedloom: version,
      node: process.version,
      platform: platform(),
      arch: arch(),
      cpu: cpus()[0]?.model ?? '',
      cores: cpus().length,
      memory: totalmem(),
    };
    await writeFile(join(this.path, 'config.json'), `${JSON.stringify(await operations.config(this.#run), null, 2)}\n`);
    await writeFile(join(this.path, 'env.json'), `${JSON.stringify(env, null, 2)}\n`);
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
