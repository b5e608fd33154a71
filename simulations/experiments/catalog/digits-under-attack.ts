import type { ExperimentSettings } from '../experiment.ts';

/** What the experiments with robust rules share: 20 clients with a tenth of the digits, a fifth of them attackers. */

/** f = 4 of 20. */
const byzantine = 4;

export const rules: Readonly<Record<string, NonNullable<ExperimentSettings['strategy']>>> = {
  mean: { name: 'fedavg' },
  'norm bound': { name: 'norm-bounding', clippingNorm: 0.5 },
  median: { name: 'median' },
  'trimmed mean': { name: 'trimmed-mean', beta: 0.2 },
  Krum: { name: 'krum', byzantine },
  'multi-Krum': { name: 'multi-krum', byzantine },
  Bulyan: { name: 'bulyan', byzantine },
  'geometric median': { name: 'geometric-median' },
  'centered clipping': { name: 'centered-clipping', radius: 0.5 },
};

/** Every rule under every attack, as `rule / attack`. @param attacks - by name; null: none */
export const armsUnder = (attacks: Readonly<Record<string, string | null>>): Record<string, ExperimentSettings> =>
  Object.fromEntries(
    Object.entries(rules).flatMap(([rule, strategy]) =>
      Object.entries(attacks).map(([name, attack]) => [
        `${rule} / ${name}`,
        { strategy, ...(attack === null ? {} : { attack }) },
      ]),
    ),
  );

export const parameters: ExperimentSettings = {
  task: 'mnist-logistic',
  data: 'mnist-60k:0/10',
  partition: 'iid',
  clients: 20,
  clientsPerRound: 20,
  localEpochs: 1,
  batchSize: 10,
  clientLearningRate: 0.03,
  rounds: 20,
  evaluateEvery: 5,
};

export const quickParameters: ExperimentSettings = {
  data: 'mnist-60k:0/100',
  test: 'mnist-60k:0/20@test',
  rounds: 2,
  evaluateEvery: 1,
};
