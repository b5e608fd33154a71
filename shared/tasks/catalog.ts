import { FederatedError } from '../errors.ts';
import { imageTasks } from './catalog/images.ts';
import { seriesTasks } from './catalog/series.ts';
import { tableTasks } from './catalog/tables.ts';
import { textTasks } from './catalog/text.ts';
import type { Task } from './task.ts';

/** The tasks that come with Fedloom, by name: `<data>-<model>`, where `char` is characters of Shakespeare. */
export const tasks: Readonly<Record<string, Task>> = Object.fromEntries(
  [...imageTasks, ...textTasks, ...tableTasks, ...seriesTasks].map((task) => [task.name, task]),
);

/** @throws FederatedError NOT_FOUND listing the known names */
export function taskByName(name: string): Task {
  const task = Object.hasOwn(tasks, name) ? tasks[name] : undefined;
  if (task !== undefined) return task;
  throw new FederatedError('NOT_FOUND', `task: no ${JSON.stringify(name)}; known are ${Object.keys(tasks).join(', ')}`);
}
