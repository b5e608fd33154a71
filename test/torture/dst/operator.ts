import { FederatedError } from '../../../shared/errors.ts';
import { runId } from '../../../shared/ids.ts';
import type { ServerMachine } from './server-machine.ts';
import type { ServerProcess } from './server-process.ts';
import type { Setting } from './setting.ts';

/** The operator of the server: creates the runs of the plan, resumes what has been paused, and sometimes pauses a run. */
export class Operator {
  readonly #setting: Setting;
  readonly #machine: ServerMachine;
  #created = 0;

  constructor(setting: Setting, machine: ServerMachine) {
    this.#setting = setting;
    this.#machine = machine;
  }

  /** Comes by again and again, until all runs are over. */
  start(): void {
    const { plan, dice, judge } = this.#setting;
    const wait = this.#created < plan.runs ? dice.fate.whole(200, 1_000) : dice.fate.whole(1_000, 4_000);
    this.#setting.after(wait, () => {
      if (this.#machine.finals < plan.runs) this.start();
      const server = this.#machine.process;
      if (server === null || !server.life.alive) return;
      this.#act(server).catch((thrown: unknown) => {
        if (!server.life.alive) return;
        this.#setting.note('OPERATOR', () => String(thrown));
        if (!(thrown instanceof FederatedError) || thrown.code === 'INTERNAL')
          judge.fail(`operator: ${String(thrown)}`);
      });
    });
  }

  async #act({ coordinator }: ServerProcess): Promise<void> {
    const { plan, dice } = this.#setting;
    const views = await coordinator.runs();
    if (views.length < plan.runs) {
      const name = runId(`tiny-${this.#created + 1}`);
      if (!views.some(({ id }) => id === name)) {
        this.#setting.note('OPERATOR', () => `creates ${name}`);
        await coordinator.create(plan.config, name);
      }
      this.#created++;
    }
    for (const { id, state } of views) {
      if (state === 'paused') {
        this.#setting.note('OPERATOR', () => `resumes ${id}`);
        await coordinator.resume(id);
      } else if (
        (state === 'running' || state === 'waiting') &&
        dice.fate.chance(0.3 * this.#setting.rate('operator'))
      ) {
        this.#setting.fault(`the operator pauses ${id}`);
        await coordinator.pause(id);
      }
    }
  }
}
