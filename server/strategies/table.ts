import type { RunConfig } from '../config.ts';
import { fedAvg } from './fedavg.ts';
import type { Strategy } from './strategy.ts';

/** The strategy that a run's config names. */
export function strategyOf(config: RunConfig['strategy']): Strategy {
  switch (config.name) {
    case 'fedavg':
      return fedAvg(config);
  }
}
