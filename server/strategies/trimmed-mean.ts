import { byCoordinate, meanOf, moved } from './set-tools.ts';
import { stateless, type SetStrategy } from './strategy.ts';

/**
 * Coordinate-wise trimmed mean: of the n values of a coordinate the floor(beta n) smallest and as many of the largest are left
 * out, and the mean of the others moves the model. Bears up to beta n clients doing anything at all. Each client counts once.
 * Equals FedAvg with uniform weighting at beta = 0.
 * @see Yin, Chen, Ramchandran, Bartlett, "Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates", ICML 2018,
 *   Algorithm 1, option II. https://arxiv.org/abs/1803.01498
 */
export const trimmedMean = ({
  beta = 0.1,
  serverLearningRate = 1,
}: {
  /** In [0, 0.5). */
  readonly beta?: number;
  readonly serverLearningRate?: number;
} = {}): SetStrategy => ({
  name: 'trimmed-mean',
  kind: 'set',
  leastReports: 1,
  init: stateless,
  async aggregate(state, weights, set, pause) {
    const cut = Math.floor(beta * set.updates.length + 1e-9); // 0.29 · 100 is 28.999... in float64
    const mean = (sorted: Float64Array): number => meanOf(sorted.subarray(cut, sorted.length - cut));
    return moved(state, weights, await byCoordinate(set, pause, mean), serverLearningRate);
  },
});
