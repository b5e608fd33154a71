import type { Experiment, ExperimentSettings } from '../experiment.ts';

/** f = 4 of 20. */
const byzantine = 4;
const rules: Readonly<Record<string, NonNullable<ExperimentSettings['strategy']>>> = {
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
/** With no attackers the same images with the square are measured: what the model would make of them anyway. */
const attacks: Readonly<Record<string, string>> = {
  none: 'backdoor:0,target=7',
  'as trained': 'backdoor:0.2,target=7',
  'five times': 'backdoor:0.2,target=7,scale=5',
};

const armsOf = (): Record<string, ExperimentSettings> =>
  Object.fromEntries(
    Object.entries(rules).flatMap(([rule, strategy]) =>
      Object.entries(attacks).map(([name, attack]) => [`${rule} / ${name}`, { strategy, attack }]),
    ),
  );

export const backdoorRules: Experiment = {
  name: 'backdoor',
  title: 'A backdoor under robust rules, digits',
  claim:
    'A fifth of the clients, which train on digits with a white square in the corner as sevens and report five times their update, ' +
    'bring the mean to call nearly every digit with the square a seven, while its accuracy on plain digits stays. A bound on the ' +
    'norm of the updates, and rules that leave out what lies far from the rest, keep the backdoor out.',
  source:
    'E. Bagdasaryan, A. Veit, Y. Hua, D. Estrin, V. Shmatikov, How To Backdoor Federated Learning, AISTATS 2020, https://arxiv.org/abs/1807.00459 ' +
    '(the update times a factor); T. Gu, B. Dolan-Gavitt, S. Garg, BadNets, 2017 (the square); Z. Sun, P. Kairouz, A. T. Suresh, H. B. McMahan, Can You ' +
    'Really Backdoor Federated Learning?, 2019, https://arxiv.org/abs/1911.07963 (the norm bound). No table of theirs has this setting',
  parameters: {
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
  },
  arms: armsOf(),
  measures: ['attack/success', 'eval/accuracy'],
  expected: {},
  holds: [
    { arm: 'mean / five times', measure: 'attack/success', is: 'at least', than: 0.9 },
    { arm: 'mean / five times', measure: 'eval/accuracy', is: 'at least', than: { arm: 'mean / none', plus: -0.02 } },
    ...Object.keys(rules)
      .filter((rule) => rule !== 'mean')
      .map((rule) => ({ arm: `${rule} / five times`, measure: 'attack/success', is: 'at most', than: 0.1 }) as const),
  ],
  seeds: [1, 2, 3],
  figure: { kind: 'matrix' },
  quick: {
    parameters: { data: 'mnist-60k:0/100', test: 'mnist-60k:0/20@test', rounds: 2, evaluateEvery: 1 },
    arms: ['mean / none', 'mean / five times', 'Krum / none', 'Krum / five times'],
  },
  numbers: { full: null, quick: null },
  takes: '5 minutes a seed on two busy cores',
  notes: [],
};
