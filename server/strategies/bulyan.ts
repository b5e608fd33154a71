import { krumScores } from './krum.ts';
import { middleOf } from './median.ts';
import { byCoordinate, moved, needReports, squaredDistances } from './set-tools.ts';
import { stateless, type SetStrategy } from './strategy.ts';

/**
 * Bulyan over Krum: takes the update with the lowest Krum score away again and again until theta = n - 2 f are chosen; then each
 * coordinate is the mean of the theta - 2 f chosen values nearest to their median. Needs n >= 4 f + 3 reports. Each client
 * counts once. Cost O(n² d + theta n² log n).
 * Equals FedAvg with uniform weighting at f = 0.
 * @see El Mhamdi, Guerraoui, Rouault, "The Hidden Vulnerability of Distributed Learning in Byzantium", ICML 2018, section 4.
 *   https://arxiv.org/abs/1802.07927
 */
export const bulyan = ({
  byzantine = 0,
  serverLearningRate = 1,
}: {
  /** f: clients of a round that may do anything at all. */
  readonly byzantine?: number;
  readonly serverLearningRate?: number;
} = {}): SetStrategy => ({
  name: 'bulyan',
  kind: 'set',
  leastReports: 4 * byzantine + 3,
  init: stateless,
  async aggregate(state, weights, set, pause) {
    needReports('bulyan', set, 4 * byzantine + 3);
    const squares = await squaredDistances(set, pause);
    const left = Array.from(set.updates.keys());
    const chosen: number[] = [];
    while (chosen.length < set.updates.length - 2 * byzantine) {
      const scores = krumScores(squares, left, byzantine);
      chosen.push(...left.splice(scores.indexOf(Math.min(...scores)), 1));
      await pause();
    }
    const updates = chosen.map((place) => set.updates[place]!);
    const beta = chosen.length - 2 * byzantine;
    const update = await byCoordinate({ updates, length: set.length }, pause, (sorted) => nearestMean(sorted, beta));
    return moved(state, weights, update, serverLearningRate);
  },
});

/** The mean of the `count` values nearest to the median; of two that are equally near the smaller. */
export function nearestMean(sorted: Float64Array, count: number): number {
  const middle = middleOf(sorted);
  // The nearest values lie side by side: the window moves up while the value after it is nearer than its first.
  let start = 0;
  while (start + count < sorted.length && sorted[start + count]! - middle < middle - sorted[start]!) start++;
  let sum = 0;
  for (let i = start; i < start + count; i++) sum += sorted[i]!;
  return sum / count;
}
