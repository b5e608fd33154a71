import type { Experiment } from '../experiment.ts';
import { twoCores } from '../machines.ts';

export const fluteLogistic: Experiment = {
  name: 'flute-logistic',
  title: "FLUTE's logistic regression on MNIST",
  claim:
    'Logistic regression on MNIST with 1,000 clients, ten of them a round, one local epoch and 100 rounds comes to about 80 %. (FLUTE takes ' +
    '3 min 20 s for it on a CPU, and Flower 30 min 14 s; how long it takes here is a question for `fedloom bench simulate`.)',
  source:
    'M. Hipolito Garcia et al., FLUTE: A Scalable, Extensible Framework for High-Performance Federated Learning Simulations, 2022, ' +
    'https://arxiv.org/abs/2203.13789, comparison with FedML and Flower (LR on MNIST)',
  parameters: {
    task: 'mnist-logistic',
    data: 'mnist-60k',
    partition: 'distribution:2',
    clients: 1_000,
    clientsPerRound: 10,
    localEpochs: 1,
    batchSize: 10,
    clientLearningRate: 0.03,
    rounds: 100,
    evaluateEvery: 5,
  },
  arms: { FedAvg: { strategy: { name: 'fedavg' } } },
  measures: ['eval/accuracy'],
  expected: { FedAvg: 0.8 },
  holds: [],
  seeds: [1, 2, 3],
  figure: { kind: 'lines', tag: 'eval/accuracy' },
  quick: { parameters: { rounds: 10 } },
  numbers: {
    full: { machine: twoCores, seeds: [1, 2, 3], medians: { FedAvg: [0.8071] } },
    quick: { machine: twoCores, seeds: [1], medians: { FedAvg: [0.3621] } },
  },
  takes: 'a minute on two busy cores',
  notes: [
    'Two digits a client, with sizes by a power law: the MNIST of FedProx, which FedML and FLUTE use. The clients are drawn anew from the same recipe.',
    'The learning rate is that of the set in FedProx, 0.03.',
  ],
};
