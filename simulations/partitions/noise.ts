import { normal } from '../draws.ts';
import { iid } from './iid.ts';
import { checkOption, type Partitioner } from './partitioner.ts';

export interface NoiseOptions {
  /** Standard deviation of the noise of the last client, in units of the features; at least 0. */
  readonly sigma: number;
}

/**
 * Feature skew: the examples are spread by another partitioner, and when a client's are loaded, normal noise with mean 0 and
 * standard deviation sigma x k / (K - 1) is added to every feature of client k = 0 .. K - 1. So the first client is clean and the
 * last the noisiest. Several alterations follow one another, the inner partitioner's first. Test examples stay as they are.
 * @see Q. Li et al., Federated Learning on Non-IID Data Silos: An Experimental Study, 2022, section 3.2 (noise-based feature
 * imbalance; there the level is called a variance, the authors' program takes it as a standard deviation, as here)
 */
export function noise({ sigma }: NoiseOptions, of: Partitioner = iid()): Partitioner {
  const name = `${of.name}+noise:${sigma}`;
  checkOption(name, 'sigma', sigma, { from: 0 });
  return {
    ...of,
    name,
    alter(xs, client, clients, random) {
      of.alter?.(xs, client, clients, random);
      const deviation = clients === 1 ? sigma : (sigma * client) / (clients - 1);
      if (deviation === 0) return;
      for (let i = 0; i < xs.length; i++) xs[i]! += deviation * normal(random);
    },
  };
}
