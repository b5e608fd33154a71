import type { Task } from '../../shared/tasks/task.ts';
import type { StrategyConfig } from './options.ts';

/**
 * The task as the clients of a strategy are to train it: what a strategy does on the client is named in the training plan, so
 * that its hash covers it. The same task comes out for a task that went through here before.
 */
export function planOfClients(task: Task, strategy: StrategyConfig): Task {
  // One step of plain gradient descent on all examples.
  if (strategy.name !== 'fedsgd') return task;
  return { ...task, training: { ...task.training, localEpochs: 1, batchSize: 'full', optimizer: { name: 'sgd' } } };
}
