import express, { type Router } from 'express';
import { tasks } from '../../shared/tasks/catalog.ts';
import { modelLayout } from '../../shared/tasks/model.ts';
import { layoutSize } from '../../shared/weights.ts';
import type { Log } from '../host.ts';
import { sendWrongMethod } from './errors.ts';

/** `/tasks`: the tasks that come with Fedloom, whole, from which a run can be made. */
export function tasksApi(log: Log): Router {
  const router = express.Router();
  const catalogue = Object.values(tasks).map((task) => ({ task, parameters: layoutSize(modelLayout(task.model)) }));
  router.get('/tasks', (_, res) => void res.json(catalogue));
  router.all('/tasks', (_, res) => sendWrongMethod(res, log, 'GET, HEAD'));
  return router;
}
