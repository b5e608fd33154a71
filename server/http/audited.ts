import type { RequestHandler } from 'express';
import type { AuditLog } from '../access/audit-log.ts';
import { bearerToken } from './token.ts';

/** Writes down what changes something, and what is refused for want of a token. What is over the limits of rates is counted elsewhere. */
export function audited(
  audit: Pick<AuditLog, 'add'>,
  whoIs: (token: string | null) => string,
  now: () => number,
): RequestHandler {
  return (req, res, next) => {
    const reads = req.method === 'GET' || req.method === 'HEAD';
    const who = whoIs(bearerToken(req)); // before it is changed by what is asked for
    const action = `${req.method} ${req.baseUrl}${req.path}`.slice(0, 200);
    res.once('finish', () => {
      const { statusCode: status } = res;
      if (status === 429 || (reads && status !== 401 && status !== 403)) return;
      audit.add({ at: now(), who, address: req.socket.remoteAddress ?? '', action, status });
    });
    next();
  };
}
