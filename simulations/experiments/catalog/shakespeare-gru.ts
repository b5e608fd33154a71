import type { Experiment } from '../experiment.ts';
import { twoCores } from '../machines.ts';

/** What McMahan et al. 2017 found on Shakespeare, with a model and an excerpt that a small machine can train in minutes. */
export const shakespeareGru: Experiment = {
  name: 'shakespeare-gru',
  title: 'Shakespeare by speaker, a small GRU',
  claim:
    'On the plays of Shakespeare clients that are roles do no worse than clients with the same lines spread at random: the authors needed ' +
    'fewer rounds with the roles, since some of them have very many lines.',
  source:
    'B. McMahan, E. Moore, D. Ramage, S. Hampson, B. Agüera y Arcas, Communication-Efficient Learning of Deep Networks from ' +
    'Decentralized Data, AISTATS 2017, section 3 and Table 2 (LSTM), https://arxiv.org/abs/1602.05629. Of this model no figure was published',
  parameters: {
    task: 'char-gru',
    data: 'shakespeare',
    clientFraction: 0.1,
    localEpochs: 1,
    batchSize: 10,
    rounds: 50,
    evaluateEvery: 5,
  },
  arms: {
    'by speaker': { partition: 'natural' },
    IID: { partition: 'iid', clients: 256 },
  },
  measures: ['eval/accuracy', 'eval/loss'],
  expected: {},
  holds: [{ arm: 'by speaker', measure: 'eval/accuracy', is: 'at least', than: { arm: 'IID' } }],
  seeds: [1],
  figure: { kind: 'lines', tag: 'eval/accuracy' },
  quick: {
    parameters: {
      data: 'shakespeare:clients=0/40',
      test: 'shakespeare:0/100@test',
      clientFraction: 0.5,
      rounds: 2,
      evaluateEvery: 1,
    },
    arms: ['by speaker'],
  },
  numbers: {
    full: {
      machine: twoCores,
      seeds: [1],
      medians: { 'by speaker': [0.3755, 2.141], IID: [0.2765, 2.543] },
    },
    quick: { machine: twoCores, seeds: [1], medians: { 'by speaker': [0.1673, 3.697] } },
  },
  takes: '10 minutes on two busy cores',
  notes: [
    'Beside mcmahan-shakespeare this is another, much smaller model (68,730 weights), one local epoch, and an excerpt of 40,000 lines; its accuracy is not comparable with the 54 % there.',
    'Of the 309 speakers of the excerpt 256 have lines enough for an example; IID has as many clients.',
  ],
};
