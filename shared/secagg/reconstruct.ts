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

/** Subsets tried before a secret counts as lost: a second of work at worst. */
const maxSubsets = 1_000;

/**
 * The secret behind shares of which some may be wrong: tries subsets of `threshold` until one gives a secret that is right by
 * something public, and then names the wrong shares one by one. Null when no subset does: too many are wrong, or the dealer
 * has dealt no shares of its secret at all.
 * @param shares - at least `threshold`, each with an x of its own
 * @param suspects - holders who were wrong before: taken last
 */
export function reconstruct(
  shares: readonly RevealedShare[],
  threshold: number,
  isRight: (secret: Uint8Array) => boolean,
  suspects: ReadonlySet<number> = new Set(),
): Reconstruction | null {
  const trusted = shares.filter(({ holder }) => !suspects.has(holder));
  const ordered = [...trusted, ...shares.filter(({ holder }) => suspects.has(holder))];
  let subset = ordered.slice(0, threshold);
  // Public shuffling of public positions: it need not be secret, only different each time.
  const random = seeded('secagg subsets', shares.length, threshold);
  const attempts = shares.length === threshold ? 1 : maxSubsets;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const secret = combine(subset.map(({ share }) => share));
    if (isRight(secret)) {
      const isFirst = attempt === 0; // then nothing says that any share is wrong
      return { secret, wrong: isFirst ? [] : wrongOnes(ordered, subset, isRight) };
    }
    secret.fill(0);
    subset = random.shuffled(ordered).slice(0, threshold);
  }
  return null;
}

/**
 * A polynomial of degree t - 1 is fixed by its value at 0, the secret, and t - 1 right shares: with one more share in their
 * company the secret comes out again exactly when that share is right as well.
 */
function wrongOnes(
  shares: readonly RevealedShare[],
  right: readonly RevealedShare[],
  isRight: (secret: Uint8Array) => boolean,
): number[] {
  const others = shares.filter((share) => !right.includes(share));
  const isWrong = ({ share }: RevealedShare): boolean => {
    const secret = combine([...right.slice(1).map((each) => each.share), share]);
    const verdict = !isRight(secret);
    secret.fill(0);
    return verdict;
  };
  return others.filter(isWrong).map(({ holder }) => holder);
}
