import type { RoundDetail } from '../operations.ts';

/**
 * The last attempts that ended, newest last: what was seen of each client is kept in memory alone, so it is kept of so many clients that
 * its size does not grow with the rounds of a run. The newest attempt stays however large it is.
 */
export class EndedAttempts {
  readonly #details: RoundDetail[] = [];
  readonly #most: number;
  #rows = 0;

  /** @param most - clients that are remembered one by one, some hundreds of bytes each; an attempt counts as one more */
  constructor(most = 20_000) {
    this.#most = most;
  }

  get all(): readonly RoundDetail[] {
    return this.#details;
  }

  add(detail: RoundDetail): void {
    this.#details.push(detail);
    this.#rows += 1 + detail.clients.length;
    while (this.#details.length > 1 && this.#rows > this.#most) this.#rows -= 1 + this.#details.shift()!.clients.length;
  }
}
