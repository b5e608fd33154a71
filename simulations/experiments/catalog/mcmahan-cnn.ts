import type { Experiment } from '../experiment.ts';
import { twoCores } from '../machines.ts';

/** McMahan et al. 2017, Table 1, lower half, C = 0.1 and B = 10. */
export const mcmahanCnn: Experiment = {
  name: 'mcmahan-cnn',
  title: 'Rounds of FedAvg to 99 % on MNIST, CNN',
  claim:
    'FedAvg with 10 of 100 clients a round, five local epochs and batches of 10 brings a convolutional network of 1,663,370 weights to ' +
    '99 % on the test digits: in 18 rounds where the digits are spread at random, in 206 where each client has two shards; with one local epoch ' +
    'in 34 and in 350.',
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
    targetAccuracy: 0.99,
  },
  arms: {
    IID: { partition: 'iid', clientLearningRate: 0.3, rounds: 24 },
    'two shards': { partition: 'shards:2', clientLearningRate: 0.1, rounds: 206 },
    'IID, one epoch': { partition: 'iid', localEpochs: 1, clientLearningRate: 0.215, rounds: 34 },
    'two shards, one epoch': { partition: 'shards:2', localEpochs: 1, clientLearningRate: 0.1, rounds: 350 },
  },
  measures: ['rounds-to-target'],
  expected: { IID: 18, 'two shards': 206, 'IID, one epoch': 34, 'two shards, one epoch': 350 },
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
    full: {
      machine: twoCores,
      seeds: [1],
      medians: { IID: [22], 'IID, one epoch': [34], 'two shards, one epoch': [140] },
    },
    quick: { machine: twoCores, seeds: [1], medians: { IID: [null], 'two shards': [null] } },
  },
  takes:
    'with one epoch 3 minutes, over two shards up to half an hour; with five 8 minutes, over two shards up to 70; for each seed on two quiet cores',
  notes: [
    'Table 2 of the paper has 20 and 229 rounds for five epochs; the numbers here are those of Table 1.',
    'With one local epoch the claim holds: seed 1 reaches 99.03 % in round 34, seeds 2 and 3 in 33 and 32; over two shards seed 1 reaches 99.02 % in round 140.',
    'With five local epochs over the random split it does not hold here: 99.01 % in round 22 instead of 18 (98.82 % after 18), with seed 1 at a learning rate of 0.3; at 0.1 it was 98.9 % after 24 rounds, at 0.05 98.4 % after 18. The paper gives the best of a grid of rates and does not name it. Over two shards that arm has not been run here in full.',
  ],
};
