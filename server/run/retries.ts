import type { Clock } from '../host.ts';

/** ms */
const longestWaitForRoom = 60_000;

/** When a run tries again by itself: after an attempt that came to nothing, and while its disk is full. One at a time. */
export class Retries {
  readonly #clock: Clock;
  readonly #delay: number;
  #cancel: () => void = () => {};
  #isDelayed = false;
  /** How often in a row there was no room on the disk. */
  #timesFull = 0;

  /** @param delay - ms */
  constructor(clock: Clock, delay: number) {
    this.#clock = clock;
    this.#delay = delay;
  }

  /** Whether the next attempt has to wait for its time. */
  get isDelayed(): boolean {
    return this.#isDelayed;
  }

  /** After the usual delay. */
  later(again: () => void): void {
    this.end();
    this.#isDelayed = true;
    this.#cancel = this.#clock.after(this.#delay, () => {
      this.#isDelayed = false;
      again();
    });
  }

  /** Who clears a full disk may not know of the run: it looks less and less often whether there is room again. */
  whenThereIsRoom(look: () => void): void {
    const wait = Math.min(longestWaitForRoom, this.#delay * 2 ** this.#timesFull);
    this.#timesFull++;
    this.end();
    this.#cancel = this.#clock.after(wait, look);
  }

  /** There is room on the disk. */
  stored(): void {
    this.#timesFull = 0;
  }

  end(): void {
    this.#cancel();
    this.#isDelayed = false;
  }
}
