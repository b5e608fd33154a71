import { seeded } from '../../../shared/random.ts';

/** Seeded chance, in the words of the simulation. */
export class Dice {
  readonly #u32: () => number;

  constructor(...path: readonly (string | number)[]) {
    this.#u32 = seeded(...path).u32;
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return probability > 0 && this.float() < probability;
  }

  /** Uniform over [0, 1). */
  float(): number {
    return this.#u32() / 2 ** 32;
  }

  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number {
    return low + Math.floor(this.float() * (high - low + 1));
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.whole(0, choices.length - 1)]!;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i += 4) {
      const word = this.#u32();
      for (let j = i; j < Math.min(length, i + 4); j++) bytes[j] = word >>> (8 * (j - i));
    }
    return bytes;
  }

  /** The time to the next of things that happen so often on average, ms. */
  wait(mean: number): number {
    return Math.ceil(-mean * Math.log(1 - this.float()));
  }
}
