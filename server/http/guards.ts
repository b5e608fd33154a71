import type { RequestHandler } from 'express';
import { rateLimit } from 'express-rate-limit';
import { FederatedError } from '../../shared/errors.ts';
import type { Clock, Log } from '../host.ts';
import type { Role } from '../operations.ts';
import { sendError, sendUnauthorised } from './errors.ts';
import { RateStore } from './rate-store.ts';
import { bearerToken } from './token.ts';

export interface GuardOptions {
  readonly roleOf: (token: string) => Role | null;
  readonly log: Log;
  readonly clock: Clock;
  /** Requests a minute from one address. */
  readonly maxWrongTokens: number;
  readonly maxChanges: number;
}

export interface Guards {
  /** Admins may do everything, viewers may read. Leaves the role in `res.locals.role`. */
  readonly views: RequestHandler;
  readonly limitChanges: RequestHandler;
  readonly ownOrigin: RequestHandler;
}

const windowMs = 60_000;

const reads = (method: string): boolean => method === 'GET' || method === 'HEAD';

/** What stands before the API: who asks, how often, and from which page. */
export function createGuards({ roleOf, log, clock, maxWrongTokens, maxChanges }: GuardOptions): Guards {
  const limited = (limit: number, what: string): RequestHandler =>
    rateLimit({
      windowMs,
      limit,
      store: new RateStore(windowMs, clock),
      standardHeaders: 'draft-8',
      legacyHeaders: false,
      handler: (_, res) => sendError(res, new FederatedError('RATE_LIMITED', `too many ${what}; wait a minute`), log),
    });
  // Counts only failures, so that someone who guesses does not lock out others behind the same address.
  const limitWrongTokens = limited(maxWrongTokens, 'requests with a wrong token');
  const changes = limited(maxChanges, 'changes');

  return {
    views: (req, res, next) => {
      const token = bearerToken(req);
      const role = token === null ? null : roleOf(token);
      if (role === null) {
        void limitWrongTokens(req, res, (error?: unknown) => {
          if (error === undefined) sendUnauthorised(res, log);
          else next(error);
        });
      } else if (role === 'client') {
        throw new FederatedError('NOT_AUTHORISED', "a client's token opens models only, not the API");
      } else if (role === 'viewer' && !reads(req.method)) {
        throw new FederatedError('NOT_AUTHORISED', "a viewer's token only reads; this needs the admin token");
      } else {
        res.locals['role'] = role;
        next();
      }
    },
    limitChanges: (req, res, next) => {
      if (reads(req.method)) next();
      else void changes(req, res, next);
    },
    ownOrigin: (req, _, next) => {
      const { origin, host } = req.headers;
      // Scheme and port of a server behind a proxy are not known here: the host that the page names must be ours.
      if (!reads(req.method) && origin !== undefined && hostOf(origin) !== host) {
        throw new FederatedError('ORIGIN_REFUSED', 'this request comes from a page of another origin');
      }
      next();
    },
  };
}

/** Host and port of an origin, or null for `null` and what is no URL. */
const hostOf = (origin: string): string | null => (URL.canParse(origin) ? new URL(origin).host : null);
