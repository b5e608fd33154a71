import type { ClientRateLimitInfo, Store } from 'express-rate-limit';
import type { Clock } from '../host.ts';
import { keepNewest } from '../keep-newest.ts';

/** Addresses that are counted at once; the one that asked longest ago is forgotten first. */
const keptAddresses = 10_000;

/**
 * Counts requests by address, in windows of the steady clock: with the store that the library brings, a calendar that is set back by
 * a day locks everyone out for a day.
 */
export class RateStore implements Store {
  readonly localKeys = true;
  readonly #windowMs: number;
  readonly #clock: Pick<Clock, 'now' | 'steady'>;
  readonly #hits = new Map<string, { count: number; until: number }>();

  constructor(windowMs: number, clock: Pick<Clock, 'now' | 'steady'>) {
    this.#windowMs = windowMs;
    this.#clock = clock;
  }

  increment(key: string): ClientRateLimitInfo {
    const now = this.#clock.steady();
    const known = this.#hits.get(key);
    const { count, until } =
      known !== undefined && known.until > now ? known : { count: 0, until: now + this.#windowMs };
    keepNewest(this.#hits, key, { count: count + 1, until }, keptAddresses);
    return { totalHits: count + 1, resetTime: new Date(this.#clock.now() + until - now) };
  }

  decrement(key: string): void {
    const known = this.#hits.get(key);
    if (known !== undefined && known.count > 0) known.count--;
  }

  resetKey(key: string): void {
    this.#hits.delete(key);
  }
}
