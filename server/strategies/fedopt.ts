import type { SumStrategy } from './strategy.ts';

export interface AdaptiveOptions {
  /** eta */
  readonly serverLearningRate: number;
  /** beta1, in [0, 1): how much of the mean of the rounds before stays. */
  readonly beta1: number;
  /** Adaptivity: the smaller, the more each coordinate has its own rate. In units of an update. */
  readonly tau: number;
}

/**
 * Adaptive federated optimisation, Algorithm 2 (FedOpt): with g the mean delta of the round,
 *   m <- beta1 m + (1 - beta1) g
 *   v <- v + g²                                 FedAdagrad
 *   v <- beta2 v + (1 - beta2) g²               FedAdam
 *   v <- v - (1 - beta2) g² sign(v - g²)        FedYogi
 *   w <- w + eta m / (sqrt(v) + tau)
 * State: m and v one after the other, length 2d; both begin at 0, and nothing corrects that. (The paper's theory asks for a v of
 * tau² or more at first, which would at most halve the first steps.)
 *
 * Equals FedAvg in the limit: beta1 = 0 and eta = tau much larger than any sqrt(v), so that the step is g · eta / tau = g; from
 * tau = 2^60 on to the last bit.
 * @see Reddi, Charles, Zaheer, Garrett, Rush, Konečný, Kumar, McMahan, "Adaptive Federated Optimization", ICLR 2021.
 *   https://arxiv.org/abs/2003.00295
 */
function adaptive(
  name: string,
  { serverLearningRate, beta1, tau }: AdaptiveOptions,
  secondMoment: (v: number, square: number) => number,
): SumStrategy {
  return {
    name,
    kind: 'sum',
    init: (size) => new Float32Array(2 * size),
    aggregate(state, weights, sum) {
      const d = weights.length;
      const moments = new Float32Array(2 * d);
      const next = new Float32Array(d);
      for (let i = 0; i < d; i++) {
        const g = sum.mean(i);
        const m = beta1 * state[i]! + (1 - beta1) * g;
        const v = secondMoment(state[d + i]!, g * g);
        moments[i] = m;
        moments[d + i] = Math.min(v, largest);
        next[i] = weights[i]! + serverLearningRate * (m / (Math.sqrt(v) + tau));
      }
      return { state: moments, weights: next };
    },
  };
}

/** Of float32: a square beyond it would stay infinite for ever. */
const largest = 3.402_823_466_385_288_6e38;

export const fedAdagrad = ({
  serverLearningRate = 0.1,
  beta1 = 0,
  tau = 1e-3,
}: Partial<AdaptiveOptions> = {}): SumStrategy =>
  adaptive('fedadagrad', { serverLearningRate, beta1, tau }, (v, square) => v + square);

export interface MovingOptions extends AdaptiveOptions {
  /** beta2, in [0, 1): how much of the squares of the rounds before stays. */
  readonly beta2: number;
}

export const fedAdam = ({
  serverLearningRate = 0.01,
  beta1 = 0.9,
  beta2 = 0.99,
  tau = 1e-3,
}: Partial<MovingOptions> = {}): SumStrategy =>
  adaptive('fedadam', { serverLearningRate, beta1, tau }, (v, square) => beta2 * v + (1 - beta2) * square);

export const fedYogi = ({
  serverLearningRate = 0.01,
  beta1 = 0.9,
  beta2 = 0.99,
  tau = 1e-3,
}: Partial<MovingOptions> = {}): SumStrategy =>
  adaptive(
    'fedyogi',
    { serverLearningRate, beta1, tau },
    (v, square) => v - (1 - beta2) * square * Math.sign(v - square),
  );
