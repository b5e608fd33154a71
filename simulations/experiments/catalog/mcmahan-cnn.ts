import type { Experiment } from '../experiment.ts';
import { twoCores } from '../machines.ts';

/** McMahan et al. 2017, Table 1, lower half, C = 0.1 and B = 10. */
export const mcmahanCnn: Experiment = {
  name: 'mcmahan-cnn',
  title: 'Rounds of FedAvg to 99 % on MNIST, CNN',
  claim:
    'FedAvg with 10 of 100 clients a round, five local epochs and batches of 10 brings a convolutional network of 1,663,370 weights to ' +
    '99 % on the test digits: in 18 rounds where the digits are spread at random, in 206 where each client has two shards; with one local epoch, ' +
    'at random, in 34.',
  source:
    'B. McMahan, E. Moore, D. Ramage, S. Hampson, B. Agüera y Arcas, Communication-Efficient Learning of Deep Networks from ' +
    'Decentralized Data, AISTATS 2017, Table 1 (CNN, E = 5) and Table 2 (CNN, E = 1, B = 10), https://arxiv.org/abs/1602.05629',
  parameters: {
    task: 'mnist-cnn',
    data: 'mnist-60k',
    clients: 100,
    clientsPerRound: 10,
    localEpochs: 5,
    batchSize: 10,
    clientLearningRate: 0.05,
    targetAccuracy: 0.99,
  },
  arms: {
    IID: { partition: 'iid', rounds: 18 },
    'two shards': { partition: 'shards:2', rounds: 206 },
    'IID, one epoch': { partition: 'iid', localEpochs: 1, clientLearningRate: 0.215, rounds: 34 },
  },
  measures: ['rounds-to-target'],
  expected: { IID: 18, 'two shards': 206, 'IID, one epoch': 34 },
  holds: [],
  seeds: [1, 2, 3],
  figure: { kind: 'lines', tag: 'eval/accuracy' },
  quick: {
    parameters: {
      data: 'mnist-60k:0/300',
      test: 'mnist-60k:0/300@test',
      rounds: 2,
      clients: 10,
      clientsPerRound: 2,
      localEpochs: 1,
    },
    arms: ['IID', 'two shards'],
  },
  numbers: {
    full: { machine: twoCores, seeds: [1], medians: { IID: [null], 'IID, one epoch': [34] } },
    quick: { machine: twoCores, seeds: [1], medians: { IID: [null], 'two shards': [null] } },
  },
  takes: 'one epoch 6 minutes, IID 15 minutes, two shards three hours for each seed on two quiet cores',
  notes: [
    'Table 2 of the paper has 20 and 229 rounds for the same setting; the numbers here are those of Table 1.',
    'With one local epoch the claim holds to the round: 99.03 % in round 34, with seed 1 at a learning rate of 0.215; at 0.2 it was 98.96 % after 34 rounds, at 0.1 98.8 %. The paper gives the best of a grid of rates and does not name it.',
    'With five local epochs it does not hold here: 98.4 % after 18 rounds of the random split, with seed 1 at 0.05, the only rate tried (97 % in round 4, 98 % in round 9), which is a quarter of what served one epoch best. The arm of two shards has not been run here in full.',
  ],
};
