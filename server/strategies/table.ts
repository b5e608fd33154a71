import { bulyan } from './bulyan.ts';
import { centeredClipping } from './centered-clipping.ts';
import { fedAvg } from './fedavg.ts';
import { fedAvgM } from './fedavgm.ts';
import { fedBuff } from './fedbuff.ts';
import { fedDyn } from './feddyn.ts';
import { fedNova } from './fednova.ts';
import { fedAdagrad, fedAdam, fedYogi } from './fedopt.ts';
import { geometricMedian } from './geometric-median.ts';
import { krum, multiKrum } from './krum.ts';
import { median } from './median.ts';
import type { StrategyConfig } from './options.ts';
import { qFedAvg } from './qfedavg.ts';
import { scaffold } from './scaffold.ts';
import type { Buffer, Strategy } from './strategy.ts';
import { trimmedMean } from './trimmed-mean.ts';

/** The strategy that a run's config names, once the config is checked: its defaults are filled in. */
export function strategyOf(config: StrategyConfig): Strategy {
  switch (config.name) {
    case 'fedavg':
    case 'fedsgd':
    case 'norm-bounding':
    case 'fedprox':
    case 'fedbn':
    case 'fedper':
    case 'fedrep':
    case 'ditto':
      return fedAvg(config);
    case 'fedbuff':
      return fedBuff(config);
    case 'fednova':
      return fedNova(config);
    case 'scaffold':
      return scaffold({ ...config, population: config.population ?? 1 });
    case 'feddyn':
      return fedDyn({ ...config, population: config.population ?? 1 });
    case 'qfedavg':
      return qFedAvg(config);
    case 'fedavgm':
      return fedAvgM(config);
    case 'fedadagrad':
      return fedAdagrad(config);
    case 'fedadam':
      return fedAdam(config);
    case 'fedyogi':
      return fedYogi(config);
    case 'median':
      return median(config);
    case 'trimmed-mean':
      return trimmedMean(config);
    case 'krum':
      return krum(config);
    case 'multi-krum':
      return multiKrum(config);
    case 'bulyan':
      return bulyan(config);
    case 'geometric-median':
      return geometricMedian(config);
    case 'centered-clipping':
      return centeredClipping(config);
    default:
      return config satisfies never;
  }
}

/** The fewest reports from which a strategy makes a model. */
export const leastReportsOf = (strategy: Strategy): number => (strategy.kind === 'set' ? strategy.leastReports : 1);

/** The buffer of an asynchronous strategy. */
export const bufferOf = (strategy: Strategy): Buffer | undefined =>
  strategy.kind === 'sum' ? strategy.buffer : undefined;

/** Whether clients are given the strategy's state beside the model. */
export const sharesState = (strategy: Strategy): boolean => strategy.kind === 'sum' && strategy.sharesState === true;
