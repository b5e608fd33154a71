import type { ClientId } from '../../shared/ids.ts';
import type { Clock } from '../host.ts';

/** The clocks of an attempt: the deadline of what it waits for, and the time that lost clients have to come back. */
export class AttemptClocks {
  readonly #clock: Clock;
  readonly #graces = new Map<ClientId, () => void>();
  readonly #turns = new Map<ClientId, () => void>();
  #deadline: number | null = null;
  #cancelDeadline: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** End of what is waited for, as the calendar's clock has it now: ms since 1970, or null. */
  get deadline(): number | null {
    return this.#deadline === null ? null : this.#clock.now() + (this.#deadline - this.#clock.steady());
  }

  /** Replaces the deadline. @param at - ms of the steady clock */
  arm(at: number, over: () => void): void {
    this.#cancelDeadline();
    this.#deadline = at;
    this.#cancelDeadline = this.#clock.after(Math.max(0, at - this.#clock.steady()), over);
  }

  /** Gives a client so many ms to come back. */
  grace(id: ClientId, ms: number, over: () => void): void {
    this.endGrace(id);
    const end = (): void => {
      this.#graces.delete(id);
      over();
    };
    this.#graces.set(id, this.#clock.after(ms, end));
  }

  endGrace(id: ClientId): void {
    this.#graces.get(id)?.();
    this.#graces.delete(id);
  }

  /** When the time of one client is over that has one of its own. Replaces. @param at - ms of the steady clock */
  turn(id: ClientId, at: number, over: () => void): void {
    this.#turns.get(id)?.();
    this.#turns.set(id, this.#clock.after(Math.max(0, at - this.#clock.steady()), over));
  }

  clear(): void {
    this.#cancelDeadline();
    this.#deadline = null;
    for (const timers of [this.#graces, this.#turns]) {
      for (const cancel of timers.values()) cancel();
      timers.clear();
    }
  }
}
