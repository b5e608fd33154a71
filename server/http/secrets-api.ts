import express, { type Router } from 'express';
import { FederatedError } from '../../shared/errors.ts';
import type { Limits } from '../../shared/protocol/limits.ts';
import { rotatable, type Rotatable } from '../access/secrets.ts';
import type { Log } from '../host.ts';
import { field, jsonBody, noOtherFields } from './body.ts';
import { sendWrongMethod } from './errors.ts';

export interface SecretsApiOptions {
  readonly rotate: (what: Rotatable) => Promise<void>;
  readonly log: Log;
  readonly limits: Pick<Limits, 'maxBodyBytes'>;
}

/** `POST /secrets/rotate`: the new secret is in the data folder, and never said here. */
export function secretsApi({ rotate, log, limits }: SecretsApiOptions): Router {
  const router = express.Router();
  router.post('/secrets/rotate', jsonBody(limits.maxBodyBytes), async (req, res) => {
    const wanted = field(noOtherFields(req.body, 'what'), 'what', 'string');
    const what = rotatable.find((each) => each === wanted);
    if (what === undefined) throw new FederatedError('BAD_ARGUMENT', `what: expected one of ${rotatable.join(', ')}`);
    await rotate(what);
    res.json({ rotated: what });
  });
  router.all('/secrets/rotate', (_, res) => sendWrongMethod(res, log, 'POST'));
  return router;
}
