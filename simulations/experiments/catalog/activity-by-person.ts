import type { Experiment } from '../experiment.ts';
import { twoCores } from '../machines.ts';

export const activityByPerson: Experiment = {
  name: 'activity-by-person',
  title: 'Activity recognition by person, with personal models',
  claim:
    'People move in their own ways: a model of which a part, or a second copy, stays with each person (FedPer, Ditto) recognises the ' +
    'activities of that person better than the one model that all share.',
  source:
    'M. G. Arivazhagan, V. Aggarwal, A. K. Singh, S. Choudhary, Federated Learning with Personalization Layers, 2019, ' +
    'https://arxiv.org/abs/1912.00818; T. Li, S. Hu, A. Beirami, V. Smith, Ditto, ICML 2021, https://arxiv.org/abs/2012.04221. Their sets are others, ' +
    'so no figure of theirs stands beside these; the data are those of J. Kwapisz, G. Weiss, S. Moore, SensorKDD 2010',
  parameters: {
    task: 'wisdm-mlp',
    data: 'wisdm',
    partition: 'natural',
    clientsPerRound: 12,
    clientTest: 0.3,
    evaluateClients: 10,
    localEpochs: 2,
    batchSize: 10,
    clientLearningRate: 0.05,
    rounds: 60,
  },
  arms: {
    FedAvg: { strategy: { name: 'fedavg' } },
    FedPer: { strategy: { name: 'fedper', personalLayers: 1 } },
    FedRep: { strategy: { name: 'fedrep', personalLayers: 1 } },
    Ditto: { strategy: { name: 'ditto', lambda: 0.1 } },
  },
  measures: ['fairness/mean', 'fairness/p10', 'fairness/std'],
  expected: {},
  holds: [
    { arm: 'FedPer', measure: 'fairness/mean', is: 'at least', than: { arm: 'FedAvg' } },
    { arm: 'Ditto', measure: 'fairness/mean', is: 'at least', than: { arm: 'FedAvg' } },
    { arm: 'Ditto', measure: 'fairness/p10', is: 'at least', than: { arm: 'FedAvg' } },
  ],
  seeds: [1, 2, 3],
  figure: { kind: 'lines', tag: 'fairness/mean', label: 'Mean accuracy of the people, each on their own' },
  quick: { parameters: { rounds: 3, evaluateClients: 1 }, arms: ['FedAvg', 'Ditto'] },
  numbers: {
    full: {
      machine: twoCores,
      seeds: [1, 2, 3],
      medians: {
        FedAvg: [0.722, 0.4973, 0.1794],
        FedPer: [0.8711, 0.7639, 0.103],
        FedRep: [0.8765, 0.7741, 0.08544],
        Ditto: [0.8752, 0.7683, 0.08425],
      },
    },
    quick: {
      machine: twoCores,
      seeds: [1],
      medians: { FedAvg: [0.6846, 0.4919, 0.1371], Ditto: [0.7431, 0.5861, 0.1236] },
    },
  },
  takes: '2 minutes on two busy cores',
  notes: [
    "Each person's accuracy is measured on 30 % of that person's own examples, which are held out; the mean counts every person alike.",
  ],
};
