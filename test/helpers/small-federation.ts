import type { LoadedData } from '../../simulations/datasets/loaded.ts';
import type { SimulationOptions } from '../../simulations/simulate.ts';
import { seeded } from '../../shared/random.ts';
import { checkTask, type Task } from '../../shared/tasks/task.ts';

/** Three clouds of points in eight dimensions, and a model that tells them apart: a simulation of milliseconds. */

const width = 8;
const classes = 3;

export const cloudTask: Task = checkTask({
  format: 'fedloom-task-1',
  name: 'clouds',
  model: {
    input: [width],
    layers: [
      { type: 'dense', units: 16, activation: 'relu' },
      { type: 'dense', units: classes, activation: 'softmax' },
    ],
    loss: 'sparse-categorical-crossentropy',
  },
  data: { features: [width], labels: { classes } },
  training: { localEpochs: 1, batchSize: 5, clientLearningRate: 0.1, optimizer: 'sgd' },
});

/** Example i is of class i mod 3; its features are 0 to 1, and 1 more in the two that go with its class. */
export function clouds(count: number, seed: number): LoadedData {
  const random = seeded('clouds', seed);
  const ys = Int32Array.from({ length: count }, (_, i) => i % classes);
  const xs = Float32Array.from({ length: count * width }, (_, i) => {
    const feature = i % width;
    const label = ys[Math.floor(i / width)]!;
    return random.float() + (Math.floor(feature / 2) === label ? 1 : 0);
  });
  return { name: 'clouds', xs, ys, count, features: [width], classes };
}

export const cloudSimulation = (changes: Partial<SimulationOptions> = {}): SimulationOptions => ({
  task: cloudTask,
  data: clouds(240, 1),
  test: clouds(60, 2),
  clients: 12,
  clientsPerRound: 4,
  rounds: 5,
  seed: 3,
  workers: 1,
  backend: 'wasm',
  ...changes,
});
