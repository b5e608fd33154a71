import { checkTask, type Task } from '../task.ts';

/** Tasks on the series of sensors. */

/**
 * PM2.5 of the next hour from a day of 15 values an hour, all in standard deviations, by two convolutions over time. Huber's
 * loss, since the air of a sandstorm is many deviations away. 25,121 parameters.
 */
const beijingAirConv1d = checkTask({
  format: 'fedloom-task-1',
  name: 'beijing-air-conv1d',
  description: 'Air quality of the next hour from the day before, by convolutions over time',
  model: {
    input: [24, 15],
    layers: [
      { type: 'conv1d', filters: 32, kernelSize: 3, activation: 'relu' },
      { type: 'conv1d', filters: 32, kernelSize: 3, activation: 'relu' },
      { type: 'flatten' },
      { type: 'dense', units: 32, activation: 'relu' },
      { type: 'dense', units: 1 },
    ],
    loss: 'huber',
  },
  data: { features: [24, 15], labels: { targets: 1 }, source: 'beijing-air' },
  training: { localEpochs: 1, batchSize: 32, clientLearningRate: 0.002, optimizer: 'adam' },
});

export const seriesTasks: readonly Task[] = [beijingAirConv1d];
