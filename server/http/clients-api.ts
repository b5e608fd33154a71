import express, { type Request, type Router } from 'express';
import { fromBase64Url, fromHex } from '../../shared/bytes.ts';
import { FederatedError } from '../../shared/errors.ts';
import { clientId, type ClientId } from '../../shared/ids.ts';
import type { Limits } from '../../shared/protocol/limits.ts';
import type { Log } from '../host.ts';
import type { Operations } from '../operations.ts';
import { field, jsonBody, noOtherFields } from './body.ts';
import { sendWrongMethod } from './errors.ts';

/** `/clients` and `/clients/:id/exclude|include`. */
export function clientsApi({
  operations,
  log,
  limits,
}: {
  readonly operations: Operations;
  readonly log: Log;
  readonly limits: Pick<Limits, 'maxBodyBytes'>;
}): Router {
  const router = express.Router();
  const id = (req: Request): ClientId => clientId(String(req.params['id']));

  router.get('/clients', async (_, res) => void res.json(await operations.clients()));
  router.post('/clients', jsonBody(limits.maxBodyBytes), async (req, res) => {
    const body = noOtherFields(req.body, 'publicKey', 'label');
    const label = field(body, 'label', 'string', true) ?? '';
    if (label.length > 64) throw new FederatedError('BAD_ARGUMENT', 'label: expected at most 64 characters');
    const client = await operations.register(publicKey(field(body, 'publicKey', 'string')), label);
    res.status(201).json({ client });
  });
  router.all('/clients', (_, res) => sendWrongMethod(res, log, 'GET, HEAD, POST'));

  for (const action of ['exclude', 'include'] as const) {
    router.post(`/clients/:id/${action}`, async (req, res) => {
      const excluded = action === 'exclude';
      await operations.exclude(id(req), excluded);
      res.json({ client: id(req), excluded });
    });
    router.all(`/clients/:id/${action}`, (_, res) => sendWrongMethod(res, log, 'POST'));
  }
  return router;
}

/** The 32 bytes of an Ed25519 public key from 64 hex digits or 43 characters of base64url. */
function publicKey(text: string): Uint8Array {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return fromHex(text);
  if (/^[A-Za-z0-9_-]{43}=?$/.test(text)) return fromBase64Url(text);
  throw new FederatedError('BAD_ARGUMENT', 'publicKey: expected 32 bytes as 64 hex digits or as base64url');
}
