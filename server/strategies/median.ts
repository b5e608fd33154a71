import { byCoordinate, moved } from './set-tools.ts';
import { stateless, type SetStrategy } from './strategy.ts';

/**
 * Coordinate-wise median: w <- w + serverLearningRate * med_k(delta_k), each coordinate for itself; of an even number the mean of
 * the two in the middle. Bears fewer than half of the clients doing anything at all. Each client counts once, whatever its
 * number of examples, since it may claim any.
 * Equals FedAvg with uniform weighting for one report or two.
 * @see Yin, Chen, Ramchandran, Bartlett, "Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates", ICML 2018,
 *   Algorithm 1, option I. https://arxiv.org/abs/1803.01498
 */
export const median = ({ serverLearningRate = 1 }: { readonly serverLearningRate?: number } = {}): SetStrategy => ({
  name: 'median',
  kind: 'set',
  leastReports: 1,
  init: stateless,
  async aggregate(state, weights, set, pause) {
    return moved(state, weights, await byCoordinate(set, pause, middleOf), serverLearningRate);
  },
});

/** @param sorted - one or more values in ascending order */
export function middleOf(sorted: Float64Array): number {
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
