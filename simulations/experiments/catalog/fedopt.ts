import type { Experiment } from '../experiment.ts';
import { twoCores } from '../machines.ts';

export const fedOpt: Experiment = {
  name: 'fedopt',
  title: 'Optimizers on the server, clothing with label skew',
  claim:
    'With few clients a round and skewed labels, a server that takes the mean update as a gradient and follows it with momentum or with ' +
    'steps for each weight (Adagrad, Adam, Yogi) gets further in the same number of rounds than FedAvg.',
  source:
    'S. Reddi, Z. Charles, M. Zaheer, Z. Garrett, K. Rush, J. Konečný, S. Kumar, H. B. McMahan, Adaptive Federated Optimization, ICLR 2021, ' +
    'https://arxiv.org/abs/2003.00295; their sets are others, so no figure of theirs stands beside these',
  parameters: {
    task: 'mnist-2nn',
    data: 'fashion-mnist',
    partition: 'dirichlet:0.3,min=10',
    clients: 100,
    clientsPerRound: 10,
    localEpochs: 1,
    batchSize: 20,
    clientLearningRate: 0.03,
    rounds: 60,
  },
  arms: {
    FedAvg: { strategy: { name: 'fedavg' } },
    FedAvgM: { strategy: { name: 'fedavgm', serverMomentum: 0.9 } },
    FedAdagrad: { strategy: { name: 'fedadagrad', serverLearningRate: 0.03 } },
    FedAdam: { strategy: { name: 'fedadam', serverLearningRate: 0.003 } },
    FedYogi: { strategy: { name: 'fedyogi', serverLearningRate: 0.003 } },
  },
  measures: ['eval/accuracy', 'eval/loss'],
  expected: {},
  holds: [
    { arm: 'FedAvgM', measure: 'eval/accuracy', is: 'at least', than: { arm: 'FedAvg' } },
    { arm: 'FedAdagrad', measure: 'eval/accuracy', is: 'at least', than: { arm: 'FedAvg' } },
    { arm: 'FedAdam', measure: 'eval/accuracy', is: 'at least', than: { arm: 'FedAvg' } },
    { arm: 'FedYogi', measure: 'eval/accuracy', is: 'at least', than: { arm: 'FedAvg' } },
  ],
  seeds: [1, 2, 3],
  figure: { kind: 'lines', tag: 'eval/accuracy' },
  quick: {
    parameters: {
      data: 'fashion-mnist:0/60',
      test: 'fashion-mnist:0/20@test',
      rounds: 4,
      clients: 20,
      clientsPerRound: 5,
    },
    arms: ['FedAvg', 'FedAdam'],
  },
  numbers: {
    full: {
      machine: twoCores,
      seeds: [1, 2, 3],
      medians: {
        FedAvg: [0.8228, 0.5017],
        FedAvgM: [0.7854, 0.6192],
        FedAdagrad: [0.8148, 0.5135],
        FedAdam: [0.8184, 0.4801],
        FedYogi: [0.8198, 0.4808],
      },
    },
    quick: { machine: twoCores, seeds: [1], medians: { FedAvg: [0.324, 1.992], FedAdam: [0.312, 2.08] } },
  },
  takes: '15 minutes on two busy cores',
  notes: [
    'In accuracy the claim does not hold here for any of the four, with rates that were not tuned: FedAdagrad, FedAdam and FedYogi end less than a point behind FedAvg, whose accuracy jumps from round to round, and FedAvgM four; in loss FedAdam and FedYogi end ahead of it.',
    'By seed 1, 2, 3: FedAvg 82.6, 79.5 and 82.3 %, FedAdam 81.8, 81.5 and 82.6 %, FedYogi 82.0, 81.7 and 82.6 %: ahead of FedAvg with two of the three seeds, and steadier.',
    'The learning rates are those named in the arms and the only ones tried; the paper takes the best of a grid for each.',
  ],
};
