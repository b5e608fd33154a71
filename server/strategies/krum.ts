import { meanAt, moved, needReports, squaredDistances } from './set-tools.ts';
import { stateless, type SetStrategy } from './strategy.ts';

export interface KrumOptions {
  /** f: clients of a round that may do anything at all. */
  readonly byzantine?: number;
  readonly serverLearningRate?: number;
}

/**
 * Krum and multi-Krum: the score of an update is the sum of its squared distances to the n - f - 2 updates nearest to it; the
 * update with the lowest score moves the model, or the mean of the `keep` lowest. Needs n >= 2 f + 3 reports. Each client
 * counts once. Cost O(n² d).
 * Multi-Krum equals FedAvg with uniform weighting when it keeps all (the default at f = 0); Krum when all updates are the same.
 * @see Blanchard, El Mhamdi, Guerraoui, Stainer, "Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent",
 *   NeurIPS 2017, section 4. https://arxiv.org/abs/1703.02757
 */
function krumRule(
  name: string,
  keepOf: (n: number) => number,
  leastReports: number,
  { byzantine = 0, serverLearningRate = 1 }: KrumOptions,
): SetStrategy {
  return {
    name,
    kind: 'set',
    leastReports,
    init: stateless,
    async aggregate(state, weights, set, pause) {
      const n = set.updates.length;
      needReports(name, set, 1);
      const everyone = Array.from({ length: n }, (_, k) => k);
      const scores = krumScores(await squaredDistances(set, pause), everyone, byzantine);
      const chosen = lowest(scores, Math.min(n, keepOf(n)));
      return moved(state, weights, await meanAt(set, chosen, pause), serverLearningRate);
    },
  };
}

export const krum = (options: KrumOptions = {}): SetStrategy =>
  krumRule('krum', () => 1, 2 * (options.byzantine ?? 0) + 3, options);

export const multiKrum = ({
  keep,
  ...options
}: KrumOptions & {
  /** m; default n - f */
  readonly keep?: number | undefined;
} = {}): SetStrategy => {
  const { byzantine = 0 } = options;
  return krumRule('multi-krum', (n) => keep ?? n - byzantine, Math.max(2 * byzantine + 3, keep ?? 0), options);
};

/**
 * The score of each of some updates among themselves.
 * @param squares - squared distances between all updates
 * @param places - which of them take part
 */
export function krumScores(
  squares: readonly Float64Array[],
  places: readonly number[],
  byzantine: number,
): Float64Array {
  const nearest = Math.max(1, places.length - byzantine - 2);
  return Float64Array.from(places, (place) => {
    const others = Float64Array.from(
      places.filter((other) => other !== place),
      (other) => squares[place]![other]!,
    );
    return others
      .sort()
      .subarray(0, nearest)
      .reduce((sum, square) => sum + square, 0);
  });
}

/** Places of the `count` lowest scores, in their order; of equals the first. */
function lowest(scores: Float64Array, count: number): number[] {
  const order = [...scores.keys()].toSorted((a, b) => scores[a]! - scores[b]! || a - b);
  return order.slice(0, count).toSorted((a, b) => a - b);
}
