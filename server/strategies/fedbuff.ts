import { fedAvg } from './fedavg.ts';
import type { SumStrategy } from './strategy.ts';

export interface FedBuffOptions {
  readonly serverLearningRate?: number;
  /** K: so many reports make a model. */
  readonly bufferSize: number;
  /** M: clients that train at a time; default: all that are ready. */
  readonly concurrency?: number | undefined;
  /** `polynomial`: s(tau) = 1 / sqrt(1 + tau); `constant`: s(tau) = 1. */
  readonly staleness?: 'polynomial' | 'constant';
  /** A report that is more rounds old is refused; default: none is. */
  readonly maxStaleness?: number | undefined;
}

/**
 * Federated averaging with a buffer, asynchronous: `concurrency` clients train at a time, each from the model that was the
 * newest when it began, and every K reports make the next model. With tau_k the rounds that were committed while client k
 * trained on its n_k examples, over the K reports of the buffer
 *   w <- w + serverLearningRate * sum_k(n_k * s(tau_k) * delta_k) / sum_k(n_k).
 * s scales the update and is not in the divisor, so that a buffer of stale reports makes a smaller step. With uniform weighting
 * (n_k = 1) this is the paper's mean over K. A client counts at most once in a buffer.
 *
 * Equals FedAvg, to the byte, when K and `concurrency` are all clients of the run: nobody is ever stale then.
 * @see Nguyen, Malik, Zhan, Yousefpour, Rabbat, Malek, Huba, "Federated Learning with Buffered Asynchronous Aggregation",
 *   AISTATS 2022, Algorithm 1, and section 5 for s. https://arxiv.org/abs/2106.06639
 */
export const fedBuff = ({
  serverLearningRate = 1,
  bufferSize,
  concurrency = Infinity,
  staleness = 'polynomial',
  maxStaleness = Infinity,
}: FedBuffOptions): SumStrategy => ({
  ...fedAvg({ name: 'fedbuff', serverLearningRate }),
  buffer: {
    size: bufferSize,
    concurrency,
    maxStaleness,
    // A square root and a quotient are rounded correctly everywhere (IEEE 754), as a power need not be.
    scale: (tau) => (staleness === 'constant' ? 1 : 1 / Math.sqrt(1 + tau)),
  },
});
