import type { Scheduler } from './scheduler.ts';

/** A process from its start to its end. What it still has under way when it dies never comes back to it. */
export class Life {
  readonly name: string;
  alive = true;
  /** What its wall clock is off by, ms. */
  skew = 0;
  /** Timers that are set. */
  timers = 0;
  readonly #scheduler: Scheduler;
  readonly #origin: number;
  readonly #ends: (() => void)[] = [];

  constructor(name: string, scheduler: Scheduler) {
    this.name = name;
    this.#scheduler = scheduler;
    this.#origin = scheduler.now - 1_000;
  }

  now(): number {
    return this.#scheduler.now + this.skew;
  }

  /** No jump of the wall clock moves it; another life counts from another moment. */
  steady(): number {
    return this.#scheduler.now - this.#origin;
  }

  after(ms: number, run: () => void): () => void {
    let isSet = true;
    const over = (): void => {
      if (isSet) this.timers--;
      isSet = false;
    };
    this.timers++;
    const cancel = this.#scheduler.after(ms, () => {
      over();
      if (this.alive) run();
    });
    return () => {
      over();
      cancel();
    };
  }

  /** Calls back when the process dies. */
  onEnd(end: () => void): void {
    this.#ends.push(end);
  }

  end(): void {
    if (!this.alive) return;
    this.alive = false;
    for (const end of this.#ends.splice(0)) end();
  }
}
