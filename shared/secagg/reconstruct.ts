import { equalBytes } from '../bytes.ts';
import { combine } from '../crypto/shamir.ts';
import { seeded } from '../random.ts';

/** A share (33 bytes) and the position of the client that has revealed it. */
export interface RevealedShare {
  readonly holder: number;
  readonly share: Uint8Array;
}

export interface Reconstruction {
  readonly secret: Uint8Array;
  /** Whose shares do not lie on the polynomial of the others. */
  readonly wrong: readonly number[];
}

/** Subsets tried before a secret counts as lost: seconds of work at worst, with the largest thresholds. */
const maxSubsets = 1_000;

/**
 * The secret behind shares of which some may be wrong: tries subsets of `threshold` until one gives a secret that is right by
 * something public, and then names the wrong shares one by one. Null when no subset does: too many are wrong, or the dealer
 * has dealt no shares of its secret at all, which shows at once when the shares agree with each other.
 * @param shares - at least `threshold`, each with an x of its own
 * @param suspects - holders who were wrong before: taken last, in every other subset
 */
export function reconstruct(
  shares: readonly RevealedShare[],
  threshold: number,
  isRight: (secret: Uint8Array) => boolean,
  suspects: ReadonlySet<number> = new Set(),
): Reconstruction | null {
  const trusted = shares.filter(({ holder }) => !suspects.has(holder));
  const suspected = shares.filter(({ holder }) => suspects.has(holder));
  const ordered = [...trusted, ...suspected];
  let isFirst = true;
  for (const subset of subsetsOf(trusted, suspected, threshold)) {
    const secret = combine(subset.map(({ share }) => share));
    // The first subset being right, nothing says that any share is wrong, and to look would cost more than to combine.
    if (isRight(secret)) return { secret, wrong: isFirst ? [] : disagreeing(ordered, subset, secret) };
    const isDealtWrong = isFirst && disagreeing(ordered, subset, secret).length === 0;
    secret.fill(0);
    if (isDealtWrong) return null;
    isFirst = false;
  }
  return null;
}

/** Subsets to try, at most `maxSubsets`: the first ones, then all of them where they are so few, else random ones. */
function* subsetsOf<T>(trusted: readonly T[], suspected: readonly T[], size: number): Generator<readonly T[]> {
  const all = [...trusted, ...suspected];
  if (choose(all.length, size) <= maxSubsets) return yield* combinations(all, size);
  yield all.slice(0, size);
  // Public shuffling of public positions: it need not be secret, only different each time.
  const random = seeded('secagg subsets', all.length, size);
  for (let attempt = 1; attempt < maxSubsets; attempt++) {
    // A suspect may be one through no fault of its own, and needed.
    const order = attempt % 2 === 1 ? [...random.shuffled(trusted), ...suspected] : random.shuffled(all);
    yield order.slice(0, size);
  }
}

/** Every subset once, those of the front of the list first. */
function* combinations<T>(list: readonly T[], size: number): Generator<readonly T[]> {
  if (size === 0) return yield [];
  for (let i = 0; i + size <= list.length; i++) {
    for (const rest of combinations(list.slice(i + 1), size - 1)) yield [list[i]!, ...rest];
  }
}

/** n over k, in floating point. */
function choose(n: number, k: number): number {
  let product = 1;
  for (let i = 1; i <= k; i++) product *= (n - k + i) / i;
  return product;
}

/**
 * A polynomial of degree t - 1 is fixed by its value at 0, the secret, and t - 1 of its shares: with one more share in their
 * company the secret comes out again exactly when that share lies on it as well.
 */
function disagreeing(shares: readonly RevealedShare[], subset: readonly RevealedShare[], secret: Uint8Array): number[] {
  const [, ...company] = subset;
  const others = shares.filter((share) => !subset.includes(share));
  const agrees = ({ share }: RevealedShare): boolean => {
    const again = combine([...company.map((each) => each.share), share]);
    const verdict = equalBytes(again, secret);
    again.fill(0);
    return verdict;
  };
  return others.filter((share) => !agrees(share)).map(({ holder }) => holder);
}
