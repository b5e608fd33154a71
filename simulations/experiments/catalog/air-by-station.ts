import type { Experiment, ExperimentSettings } from '../experiment.ts';
import { twoCores } from '../machines.ts';

const alone = (station: string): ExperimentSettings => ({
  data: `beijing-air:client=${station}`,
  test: 'beijing-air@test',
  partition: 'iid',
  clients: 1,
});

export const airByStation: Experiment = {
  name: 'air-by-station',
  title: 'Air quality by station',
  claim:
    'Twelve stations that train one model of the next hour together, without giving their readings away, are about as good as one model ' +
    'of all readings in one place, and better than the model of one station when it is asked about all of them.',
  source:
    'The data are those of S. Zhang et al., Cautionary Tales on Air-Quality Improvement in Beijing, Proc. Royal Society A 473, 2017. No published ' +
    'federated figure is known to us',
  parameters: { task: 'beijing-air-conv1d', test: 'beijing-air@test', localEpochs: 1, batchSize: 32, rounds: 5 },
  arms: {
    federated: { data: 'beijing-air', partition: 'natural' },
    'in one place': { data: 'beijing-air', partition: 'iid', clients: 1 },
    'Dongsi alone': alone('Dongsi'),
    'Huairou alone': alone('Huairou'),
  },
  measures: ['eval/loss'],
  expected: {},
  holds: [
    { arm: 'federated', measure: 'eval/loss', is: 'at most', than: { arm: 'in one place', times: 1.1 } },
    { arm: 'federated', measure: 'eval/loss', is: 'at most', than: { arm: 'Dongsi alone' } },
    { arm: 'federated', measure: 'eval/loss', is: 'at most', than: { arm: 'Huairou alone' } },
  ],
  seeds: [1, 2, 3],
  figure: { kind: 'lines', tag: 'eval/loss', label: 'Held-out loss (Huber, standard deviations)' },
  quick: {
    parameters: { data: 'beijing-air:0/300', test: 'beijing-air:0/300@test', rounds: 2 },
    arms: ['federated'],
  },
  numbers: {
    full: {
      machine: twoCores,
      seeds: [1, 2, 3],
      medians: {
        federated: [0.02885],
        'in one place': [0.02647],
        'Dongsi alone': [0.03864],
        'Huairou alone': [0.04311],
      },
    },
    quick: { machine: twoCores, seeds: [1], medians: { federated: [0.4788] } },
  },
  takes: '10 minutes on two busy cores',
  notes: [
    "The loss is Huber's on PM2.5 in standard deviations. A model of one station has seen a twelfth of the readings, and a twelfth of the steps.",
  ],
};
