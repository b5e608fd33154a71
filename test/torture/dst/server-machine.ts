import type { Store } from '../../../server/store/store.ts';
import { utf8 } from '../../../shared/bytes.ts';
import { finalRunStates } from '../../../shared/states.ts';
import { blobsOnDisk, storeOnDisk } from './disk.ts';
import { Life } from './life.ts';
import { ServerProcess } from './server-process.ts';
import type { Setting } from './setting.ts';

/** Of the server's identity. */
export const serverSeed = new Uint8Array(32).fill(7);

/** The machine of the server: one process after the other on the same disk. */
export class ServerMachine {
  readonly #setting: Setting;
  #process: ServerProcess | null = null;
  #lives = 0;
  #finals = 0;

  constructor(setting: Setting) {
    this.#setting = setting;
  }

  /** The process that runs now. */
  get process(): ServerProcess | null {
    return this.#process;
  }

  /** Runs that have come to their end. */
  get finals(): number {
    return this.#finals;
  }

  boot(): void {
    if (this.#process !== null) return;
    const { plan, scheduler, dice, judge, primitives, blobs } = this.#setting;
    const { limits, config, seed } = plan;
    const { secrets, fate } = dice;
    const life = new Life(`s${++this.#lives}`, scheduler);
    this.#setting.note(life.name, () => 'starts');
    const kinds = { fail: 'disk-fail', slow: 'disk-slow', crash: 'disk-crash' } as const;
    const disk = this.#setting.disk(life, kinds, (why) => this.crash(why));
    const isSecure = config.secureAggregation === true;
    const server = new ServerProcess({
      life,
      primitives,
      seed: serverSeed,
      limits,
      store: storeOnDisk(this.#watched(life), disk, () => {}),
      blobs: blobsOnDisk(blobs, disk),
      randomBytes: (length) => secrets.bytes(length),
      step: (name) => {
        if (!life.alive) return;
        this.#setting.note(life.name, () => `· ${name}`);
        if (fate.chance(0.03 * this.#setting.rate('step-crash'))) this.crash(`at ${name}`);
      },
      log: (text) => {
        if (!life.alive) return;
        this.#setting.note(life.name, () => text);
        if (isSecure) judge.scan(utf8(text), 'the log of the server');
      },
      ...(seed % 2 === 0
        ? {
            evaluate: () =>
              new Promise((resolve) =>
                life.after(fate.whole(1, 500), () => resolve({ loss: 0.5, accuracy: 0.25, examples: 7 })),
              ),
          }
        : {}),
    });
    this.#process = server;
    server.coordinator.start().catch((thrown: unknown) => {
      if (!life.alive) return;
      this.#setting.note(life.name, () => `cannot start: ${String(thrown)}`);
      this.crash('as it cannot start');
    });
  }

  /** The process dies, and another starts after a while. */
  crash(why: string): void {
    if (this.#process === null) return;
    const { life } = this.#process;
    this.#setting.fault(`${life.name} dies ${why}`);
    this.#process = null;
    life.end();
    this.#setting.after(this.#setting.dice.fate.whole(50, 3_000), () => this.boot());
  }

  /** The store, with a witness of all that is written to it. */
  #watched(life: Life): Store {
    const { plan, judge, store: inner } = this.#setting;
    const isSecure = plan.config.secureAggregation === true;
    const scan = (value: unknown): void => {
      if (isSecure) judge.scan(utf8(JSON.stringify(value)), 'the store');
    };
    return {
      ...inner,
      createRun: async (run) => {
        await inner.createRun(run);
        judge.created(run.id, run.weights);
      },
      setRunState: async (id, state, reason) => {
        await inner.setRunState(id, state, reason);
        scan(reason);
        if (finalRunStates.includes(state)) this.#finals++;
      },
      saveAttempt: async (attempt) => {
        await inner.saveAttempt(attempt);
        judge.attemptSaved(attempt);
      },
      commitRound: async (id, round, after) => {
        await inner.commitRound(id, round, after);
        scan(round);
        await judge.roundCommitted(id, round, life.name);
      },
    };
  }
}
