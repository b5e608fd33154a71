import { seeded } from '../shared/random.ts';
import { normal } from './draws.ts';

/** Virtual ms. */
export const day = 24 * 3_600_000;
/**
 * Of the middles of the devices' windows around midnight. Where each device is at hand for a third of the day, four times as many
 * are so at midnight as at noon: for a normal N of this deviation P(|N| < 4 h) = 0.54 and P(|N| > 8 h) = 0.14.
 * @see Bonawitz et al., Towards Federated Learning at Scale, MLSys 2019, section 9: "a 4x difference between low and high
 *   numbers of participating devices over a 24 hours period"
 */
const deviation = 5.4 * 3_600_000;

interface Change {
  /** Time of day. */
  readonly at: number;
  readonly client: number;
  /** 1: comes, -1: goes. */
  readonly by: number;
}

/**
 * When devices are at hand: idle, charging, and on a network that costs nothing. Each has one window in the day, the same every
 * day, most of them at night. Time 0 is midnight. Pure, so that a run that is taken up again goes on as if it had not stopped.
 */
export class Days {
  /** Devices that are at hand at once, at most. */
  readonly most: number;
  readonly #length: number;
  /** Time of day at which each window begins. */
  readonly #begins: Float64Array;
  /** In order. */
  readonly #changes: readonly Change[];

  /** @param share - of the day that a window lasts, above 0 to 1 */
  constructor(share: number, seed: number, clients: number) {
    this.#length = Math.max(1, Math.round(share * day));
    if (this.#length >= day) {
      this.#begins = new Float64Array(0);
      this.#changes = [];
      this.most = clients;
      return;
    }
    this.#begins = Float64Array.from({ length: clients }, (_, client) => {
      const middle = deviation * normal(seeded(seed, 'day', client));
      return timeOfDay(Math.round(middle - this.#length / 2));
    });
    const begins = [...this.#begins].map((at, client) => ({ at, client, by: 1 }));
    const ends = begins.map(({ at, client }) => ({ at: timeOfDay(at + this.#length), client, by: -1 }));
    this.#changes = [...begins, ...ends].toSorted((a, b) => a.at - b.at || a.by - b.by);
    let count = this.countAt(0);
    let most = count;
    for (const { at, by } of this.#changes) {
      if (at === 0) continue; // in the count already
      count += by;
      most = Math.max(most, count);
    }
    this.most = most;
  }

  isAtHand(client: number, now: number): boolean {
    const begin = this.#begins[client];
    return begin === undefined || timeOfDay(now - begin) < this.#length;
  }

  /** The next time after `now` at which a window begins or ends, and whose; null when all are always at hand. */
  next(now: number): { readonly at: number; readonly clients: readonly number[] } | null {
    const [first] = this.#changes;
    if (first === undefined) return null;
    const time = timeOfDay(now);
    let [low, high] = [0, this.#changes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#changes[middle]!.at > time) high = middle;
      else low = middle + 1;
    }
    const isTomorrow = low === this.#changes.length;
    const at = isTomorrow ? first.at : this.#changes[low]!.at;
    const clients: number[] = [];
    for (let i = isTomorrow ? 0 : low; this.#changes[i]?.at === at; i++) clients.push(this.#changes[i]!.client);
    return { at: now - time + at + (isTomorrow ? day : 0), clients };
  }

  /** Devices at hand. */
  countAt(now: number): number {
    return this.#begins.reduce((count, _, client) => count + (this.isAtHand(client, now) ? 1 : 0), 0);
  }
}

/** @param at - may be negative */
const timeOfDay = (at: number): number => ((at % day) + day) % day;
