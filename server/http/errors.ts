import type { ServerResponse } from 'node:http';
import { asFederatedError, FederatedError, type ErrorCode } from '../../shared/errors.ts';
import type { Log } from '../host.ts';

/** The HTTP status of each code that a request can end with. Every other code is the server's own trouble: 500. */
const statuses: Partial<Record<ErrorCode, number>> = {
  BAD_ARGUMENT: 400,
  BAD_CONFIG: 400,
  BAD_TASK: 400,
  BAD_MODEL: 400,
  BAD_DATA: 400,
  BAD_LINK: 400,
  NOT_AUTHORISED: 403,
  ORIGIN_REFUSED: 403,
  NOT_FOUND: 404,
  BAD_STATE: 409,
  TOO_LARGE: 413,
  RATE_LIMITED: 429,
  SERVER_STOPPING: 503,
  STORE_LOCKED: 503,
  STORE_FULL: 507,
};
/** Their own sentences may name files of the server. */
const plain: Partial<Record<ErrorCode, string>> = {
  STORE_LOCKED: 'the store is busy; try again',
  STORE_FULL: "the server's disk is full",
};
const internal = "this failed inside the server; the server's log says why";

/**
 * Ends a response with `{ error: { code, message } }`.
 * @param override - a status or headers that say more than the table
 */
export function sendError(
  res: ServerResponse,
  thrown: unknown,
  log: Log,
  override: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> } = {},
): void {
  const error = asFederatedError(thrown);
  const status = override.status ?? statuses[error.code] ?? 500;
  if (status >= 500) log.error({ code: error.code, err: thrown }, 'a request failed');
  if (res.headersSent) {
    res.destroy(); // the rest cannot come: a cut tells the reader so
    return;
  }
  const message = plain[error.code] ?? (status === 500 ? internal : error.message);
  const body = Buffer.from(JSON.stringify({ error: { code: error.code, message } }));
  res.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': body.length,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...override.headers,
  });
  res.end(res.req.method === 'HEAD' ? undefined : body);
}

/** No token, or one that nobody has. */
export const sendUnauthorised = (res: ServerResponse, log: Log): void =>
  sendError(res, new FederatedError('NOT_AUTHORISED', "this needs a valid token: 'Authorization: Bearer ...'"), log, {
    status: 401,
    headers: { 'WWW-Authenticate': 'Bearer' },
  });

export const sendWrongMethod = (res: ServerResponse, log: Log, allowed: string): void =>
  sendError(
    res,
    new FederatedError('BAD_ARGUMENT', `${res.req.method} is not possible here; possible: ${allowed}`),
    log,
    {
      status: 405,
      headers: { Allow: allowed },
    },
  );
