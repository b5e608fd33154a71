import express, { type Request, type Router } from 'express';
import { FederatedError } from '../../shared/errors.ts';
import { runId, type RunId } from '../../shared/ids.ts';
import { findBreak } from '../../shared/round-log.ts';
import type { Log } from '../host.ts';
import type { Operations } from '../operations.ts';
import { field, jsonBody, noOtherFields } from './body.ts';
import { sendWrongMethod } from './errors.ts';
import type { EventStream } from './event-stream.ts';

export interface RunsApiOptions {
  readonly operations: Operations;
  readonly stream: EventStream;
  readonly log: Log;
  readonly maxConfigBytes: number;
}

/** `/runs`, `/runs/:id/...` and `/events`. */
export function runsApi({ operations, stream, log, maxConfigBytes }: RunsApiOptions): Router {
  const router = express.Router();
  const id = (req: Request): RunId => runId(String(req.params['id']));

  router.get('/runs', async (_, res) => void res.json(await operations.runs()));
  router.post('/runs', jsonBody(maxConfigBytes), async (req, res) => {
    const body = noOtherFields(req.body, 'config', 'id');
    const wanted = field(body, 'id', 'string', true);
    const view = await operations.create(body['config'], wanted === undefined ? undefined : runId(wanted));
    res.status(201).location(`/api/runs/${view.id}`).json(view);
  });
  router.all('/runs', (_, res) => sendWrongMethod(res, log, 'GET, HEAD, POST'));

  router.get('/runs/:id', async (req, res) => void res.json(await operations.run(id(req))));
  router.delete('/runs/:id', async (req, res) => {
    await operations.remove(id(req));
    res.json({ removed: id(req) });
  });
  router.all('/runs/:id', (_, res) => sendWrongMethod(res, log, 'GET, HEAD, DELETE'));

  router.get('/runs/:id/config', async (req, res) => void res.json(await operations.config(id(req))));
  router.get('/runs/:id/rounds', async (req, res) => void res.json(await operations.rounds(id(req), after(req))));
  router.get('/runs/:id/log', async (req, res) => {
    const records = (await operations.rounds(id(req))).map(({ record }) => record);
    res.json({ records, intact: findBreak(records) === -1 });
  });
  router.get('/runs/:id/events', (req, res) => stream(req, res, id(req)));
  router.get('/events', (req, res) => stream(req, res, null));
  router.all(['/runs/:id/config', '/runs/:id/rounds', '/runs/:id/log', '/runs/:id/events', '/events'], (_, res) =>
    sendWrongMethod(res, log, 'GET, HEAD'),
  );

  router.post('/runs/:id/pause', async (req, res) => void res.json(await operations.pause(id(req))));
  router.post('/runs/:id/resume', async (req, res) => void res.json(await operations.resume(id(req))));
  router.post('/runs/:id/stop', jsonBody(), async (req, res) => {
    const now = field(noOtherFields(req.body ?? {}, 'now'), 'now', 'boolean', true) ?? false;
    res.json(await operations.stop(id(req), { now }));
  });
  router.all(['/runs/:id/pause', '/runs/:id/resume', '/runs/:id/stop'], (_, res) => sendWrongMethod(res, log, 'POST'));
  return router;
}

/** `?after=N`: the sequence number of the last record that the caller has. */
function after(req: Request): number {
  const text = req.query['after'] ?? '0';
  if (typeof text === 'string' && /^\d{1,15}$/.test(text)) return Number(text);
  throw new FederatedError('BAD_ARGUMENT', 'after: expected the sequence number of a record, 0 or more');
}
