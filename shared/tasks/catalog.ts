import { FederatedError } from '../errors.ts';
import { checkTask, type Task } from './task.ts';

/** The tasks that come with Fedloom. */
export const tasks: Readonly<Record<string, Task>> = {
  /**
   * The 2NN of B. McMahan et al., Communication-Efficient Learning of Deep Networks from Decentralized Data, AISTATS 2017,
   * section 3: two hidden layers of 200 ReLU units, 199,210 parameters, B = 10.
   */
  'mnist-2nn': checkTask({
    format: 'fedloom-task-1',
    name: 'mnist-2nn',
    description: 'Handwritten digits by two hidden layers of 200 units',
    model: {
      input: [784],
      layers: [
        { type: 'dense', units: 200, activation: 'relu' },
        { type: 'dense', units: 200, activation: 'relu' },
        { type: 'dense', units: 10, activation: 'softmax' },
      ],
      loss: 'sparse-categorical-crossentropy',
    },
    data: { features: [784], labels: { classes: 10 }, source: 'mnist' },
    training: { localEpochs: 1, batchSize: 10, clientLearningRate: 0.1, optimizer: 'sgd' },
  }),
};

/** @throws FederatedError NOT_FOUND listing the known names */
export function taskByName(name: string): Task {
  const task = Object.hasOwn(tasks, name) ? tasks[name] : undefined;
  if (task !== undefined) return task;
  throw new FederatedError('NOT_FOUND', `task: no ${JSON.stringify(name)}; known are ${Object.keys(tasks).join(', ')}`);
}
