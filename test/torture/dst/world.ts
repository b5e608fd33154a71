import { Devices } from './devices.ts';
import { Dice } from './dice.ts';
import type { Life } from './life.ts';
import { Operator } from './operator.ts';
import type { FaultKind, WorldPlan } from './plan.ts';
import { ServerMachine } from './server-machine.ts';
import { beginning, Setting } from './setting.ts';

/** Faults over, everything is done within this, ms. */
const patience = 20 * 60_000;

export interface WorldResult {
  readonly violation: string | null;
  readonly steps: number;
  readonly commits: number;
  readonly checked: number;
  /** What happened, a line for each; empty unless it was asked for. */
  readonly history: readonly string[];
  readonly faults: number;
}

/** One simulated federation: the real server and clients, over a simulated network, disks and clock. */
export class World {
  readonly #setting: Setting;
  readonly #machine: ServerMachine;
  readonly #devices: Devices;

  constructor(plan: WorldPlan, { records = false }: { readonly records?: boolean } = {}) {
    this.#setting = new Setting(plan, records);
    this.#machine = new ServerMachine(this.#setting);
    this.#devices = new Devices(this.#setting, this.#machine);
  }

  async run(): Promise<WorldResult> {
    const { plan, scheduler, judge, dice, store } = this.#setting;
    try {
      this.#machine.boot();
      for (const device of this.#devices.all)
        scheduler.after(dice.fate.whole(0, 2_000), () => this.#devices.start(device));
      new Operator(this.#setting, this.#machine).start();
      this.#beginFaults();
      scheduler.after(plan.faultTime, () => this.#heal());
      const end = beginning + plan.faultTime + patience;
      await scheduler.run(end, () => judge.violation !== null || this.#isOver());
      if (judge.violation === null) {
        if (!this.#isOver()) await this.#sayStuck();
        await judge.compare(store);
        if (plan.seed % 4 < 2) await this.#rest(); // half of them: it takes a minute of virtual time
      }
    } catch (thrown) {
      judge.fail(`thrown: ${thrown instanceof Error ? thrown.stack : String(thrown)}`);
    }
    for (const { life } of this.#devices.all) life?.end();
    this.#machine.process?.life.end();
    const { violation, commits, checked } = judge;
    const { history, faults } = this.#setting;
    return { violation: violation?.message ?? null, steps: scheduler.steps, commits, checked, history, faults };
  }

  #isOver(): boolean {
    const { runs } = this.#setting.plan;
    return this.#machine.finals >= runs && this.#devices.honest.every(({ done }) => done || runs > 1);
  }

  async #sayStuck(): Promise<void> {
    const { store, judge } = this.#setting;
    const states = (await store.runs()).map(
      ({ id, state, round, reason }) => `${id} is ${state} after round ${round} (${reason})`,
    );
    const waiting = this.#devices.honest.filter(({ done }) => !done).map(({ name }) => name);
    judge.fail(
      `no end in ${patience / 60_000} minutes without faults: ${states.join(', ')}; clients: ${waiting.join(' ')}`,
    );
  }

  /** Everyone goes, some without a word: what the server held for them must go, too. */
  async #rest(): Promise<void> {
    const { plan, scheduler, judge } = this.#setting;
    this.#setting.isFaulty = false;
    for (const device of this.#devices.all) {
      device.done = true;
      this.#devices.end(device);
    }
    const { heartbeat, heartbeatMisses, helloTimeout } = plan.limits;
    const quiet = (heartbeatMisses + 2) * heartbeat + helloTimeout + 10_000;
    await scheduler.run(scheduler.now + quiet, () => judge.violation !== null);
    const { process } = this.#machine;
    if (process !== null) judge.atRest(process.sizes(), this.#devices.all.length);
  }

  // Faults.

  /** Does something again and again while there are faults, more often the higher the rate. */
  #often(kind: FaultKind, mean: number, action: () => void): void {
    const rate = this.#setting.rate(kind);
    if (rate === 0) return;
    this.#setting.after(this.#setting.dice.fate.wait(mean / Math.max(0.05, rate)), () => {
      if (!this.#setting.isFaulty) return;
      action();
      this.#often(kind, mean, action);
    });
  }

  #beginFaults(): void {
    const { dice, plan } = this.#setting;
    const { fate } = dice;
    const clocks = new Dice('dst', 'clocks', plan.seed);
    const day = 86_400_000;
    const days = [-400 * day, -3 * day, 3 * day, 400 * day];
    const clients = this.#devices.honest;
    this.#often('server-crash', 3_000, () => this.#machine.crash('at some time'));
    this.#often('client-crash', 2_000, () => this.#devices.crash(fate.pick(clients)));
    this.#often('leave', 3_000, () => {
      const device = fate.pick(clients);
      if (device.process === null) return;
      this.#setting.fault(`${device.name} leaves`);
      device.process.leave();
    });
    this.#often('unready', 2_000, () => {
      const device = fate.pick(clients);
      device.charging = !device.charging;
      this.#setting.fault(`${device.name} is ${device.charging ? '' : 'not '}charging`);
    });
    this.#often('clock', 5_000, () => {
      const server = this.#machine.process;
      if (server === null) return;
      const jump = fate.pick([-3_600_000, -60_000, -5_000, 5_000, 60_000, 3_600_000]);
      this.#jump(server.life, jump);
      for (const { life } of clients) if (life !== null && clocks.chance(0.3)) this.#jump(life, clocks.pick(days));
      if (clocks.chance(0.3)) this.#jump(server.life, clocks.pick(days));
    });
  }

  #jump(life: Life, ms: number): void {
    this.#setting.fault(`the clock of ${life.name} jumps by ${ms / 1000} s`);
    life.skew += ms;
  }

  #heal(): void {
    this.#setting.isFaulty = false;
    this.#setting.note('WORLD', () => 'the faults end');
    for (const device of this.#devices.all) {
      device.charging = true;
      if (device.isLiar) this.#devices.end(device);
      else if (device.life === null && !device.done) this.#devices.start(device);
    }
    this.#machine.boot();
  }
}
