import express, { type Request, type Router } from 'express';
import { FederatedError } from '../../shared/errors.ts';
import { clientId, runId, type RunId } from '../../shared/ids.ts';
import type { Limits } from '../../shared/protocol/limits.ts';
import { findBreak } from '../../shared/round-log.ts';
import type { EventLog } from '../event-log.ts';
import type { Log } from '../host.ts';
import type { Operations } from '../operations.ts';
import { field, jsonBody, noOtherFields } from './body.ts';
import { sendWrongMethod } from './errors.ts';
import type { EventStream } from './event-stream.ts';
import { sendExport, wantedModel } from './export-answer.ts';

export interface RunsApiOptions {
  readonly operations: Operations;
  readonly events: EventLog;
  readonly stream: EventStream;
  readonly log: Log;
  readonly limits: Pick<Limits, 'maxTaskBytes' | 'maxBodyBytes'>;
}

/** Events that a page is given when it opens. */
const recentEvents = 500;

/** `/runs`, `/runs/:id/...` and `/events`. */
export function runsApi({ operations, events, stream, log, limits }: RunsApiOptions): Router {
  const router = express.Router();
  const id = (req: Request): RunId => runId(String(req.params['id']));

  router.get('/runs', async (_, res) => void res.json(await operations.runs()));
  router.post('/runs', jsonBody(limits.maxTaskBytes), async (req, res) => {
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
  router.get('/runs/:id/rounds/:round', async (req, res) => {
    const text = String(req.params['round']);
    if (!/^\d{1,9}$/.test(text)) throw new FederatedError('BAD_ARGUMENT', 'round: expected a number, 1 or more');
    res.json(await operations.round(id(req), Number(text)));
  });
  router.get('/runs/:id/history', async (req, res) => void res.json(await operations.history(id(req), after(req))));
  router.get('/runs/:id/clients/:client', async (req, res) => {
    res.json(await operations.clientRounds(id(req), clientId(String(req.params['client']))));
  });
  router.get('/runs/:id/export', async (req, res) => sendExport(await operations.exportModel(wantedModel(req)), res));
  router.get('/runs/:id/log', async (req, res) => {
    const records = (await operations.rounds(id(req))).map(({ record }) => record);
    res.json({ records, intact: findBreak(records) === -1 });
  });
  router.get('/runs/:id/events', (req, res) => stream(req, res, id(req)));
  router.get('/events', (req, res) => stream(req, res, null));
  router.get('/events/recent', (_, res) => void res.json(events.recent(recentEvents)));
  const readOnly = ['config', 'rounds', 'rounds/:round', 'history', 'clients/:client', 'export', 'log', 'events'];
  router.all([...readOnly.map((path) => `/runs/:id/${path}`), '/events', '/events/recent'], (_, res) =>
    sendWrongMethod(res, log, 'GET, HEAD'),
  );

  router.post('/runs/:id/pause', async (req, res) => void res.json(await operations.pause(id(req))));
  router.post('/runs/:id/resume', async (req, res) => void res.json(await operations.resume(id(req))));
  router.post('/runs/:id/stop', jsonBody(limits.maxBodyBytes), async (req, res) => {
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
