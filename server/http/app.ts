import express, { type ErrorRequestHandler } from 'express';
import helmet from 'helmet';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { FederatedError } from '../../shared/errors.ts';
import { defaultLimits, type Limits } from '../../shared/protocol/limits.ts';
import type { AuditLog } from '../access/audit-log.ts';
import type { Rotatable } from '../access/secrets.ts';
import type { EventLog } from '../event-log.ts';
import { systemClock, type Clock, type Log } from '../host.ts';
import type { Metrics } from '../metrics.ts';
import type { Operations, Role } from '../operations.ts';
import type { BlobStore } from '../store/store.ts';
import { audited } from './audited.ts';
import { blobPrefix, blobRoute } from './blob-route.ts';
import { builtPage } from './built-page.ts';
import { clientsApi } from './clients-api.ts';
import { sendError, sendWrongMethod } from './errors.ts';
import { eventStream } from './event-stream.ts';
import { createGuards } from './guards.ts';
import { runsApi } from './runs-api.ts';
import { secretsApi } from './secrets-api.ts';
import { tasksApi } from './tasks-api.ts';
import { tryPage } from './try-page.ts';

export interface HttpAppOptions {
  readonly operations: Operations;
  readonly events: EventLog;
  readonly blobs: BlobStore;
  readonly metrics: Metrics;
  /** Whose token this is; compares in constant time. */
  readonly roleOf: (token: string) => Role | null;
  readonly limits?: Limits;
  /** False until the server can take clients, and again while it stops. */
  readonly ready: () => boolean;
  /** Where changes and refusals are written down; absent: nowhere. */
  readonly audit?: {
    readonly log: Pick<AuditLog, 'add'>;
    readonly whoIs: (token: string | null) => string;
    readonly now: () => number;
  };
  /** Makes a secret anew; absent: the API does not offer it. */
  readonly rotate?: (what: Rotatable) => Promise<void>;
  readonly log: Log;
  readonly clock?: Clock;
  /** Web origins whose pages may read blobs, and nothing else, beside the server's own. */
  readonly allowedOrigins?: readonly string[];
  /** A comment is sent down each event stream this often, ms. */
  readonly heartbeat?: number;
  /** Folder of the page's built files. */
  readonly dashboard?: string;
}

/** Nothing but the server's own files; no inline script or style. */
const contentSecurityPolicy = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    connectSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
};

/**
 * Everything that the server says over HTTP, as a listener for a node:http server: health, metrics, blobs, the API and
 * the page. Errors are `{ "error": { "code", "message" } }`. There are no cookies, and no CORS headers but for blobs: a page
 * of another origin can do nothing here, except for a client's page of an allowed origin, which fetches models.
 */
export function createHttpApp(options: HttpAppOptions): (req: IncomingMessage, res: ServerResponse) => void {
  const { operations, events, metrics, ready, log, limits = defaultLimits } = options;
  const { heartbeat = 15_000, clock = systemClock } = options;
  const { views, limitChanges, ownOrigin } = createGuards({ roleOf: options.roleOf, log, clock, ...limits });

  const app = express();
  app.disable('x-powered-by');
  app.disable('etag'); // what the API says is never cached
  app.use(
    helmet({
      contentSecurityPolicy,
      // Would bind every other port of this host name, too, for a year: for the proxy in front to decide.
      strictTransportSecurity: false,
    }),
  );
  const statuses = express.Router();
  statuses.get('/healthz', (_, res) => void res.json({ status: 'ok' }));
  statuses.get('/readyz', (_, res) => {
    const ok = ready();
    res.status(ok ? 200 : 503).json({ status: ok ? 'ready' : 'not ready' });
  });
  statuses.get('/metrics', views, async (_, res) => {
    res.type(metrics.contentType).send(await metrics.text());
  });
  statuses.all(['/healthz', '/readyz', '/metrics'], (_, res) => sendWrongMethod(res, log, 'GET, HEAD'));
  app.use(statuses);

  const stream = eventStream({ operations, events, roleOf: options.roleOf, ...limits, heartbeat });
  const api = express.Router();
  api.use((_, res, next) => {
    res.set('Cache-Control', 'no-store');
    next();
  });
  if (options.audit !== undefined) api.use(audited(options.audit.log, options.audit.whoIs, options.audit.now));
  api.use(ownOrigin, views, limitChanges);
  api.get('/server', (_, res) => {
    const { joinLink, ...info } = operations.info();
    const role = res.locals['role'] as Role;
    // The join link holds the join code.
    res.json({ ...info, role, ...(role === 'admin' && joinLink !== undefined ? { joinLink } : {}) });
  });
  api.all('/server', (_, res) => sendWrongMethod(res, log, 'GET, HEAD'));
  api.use(runsApi({ operations, events, stream, log, limits }));
  api.use(clientsApi({ operations, log, limits }));
  api.use(tasksApi(log));
  if (options.rotate !== undefined) api.use(secretsApi({ rotate: options.rotate, log, limits }));
  app.use('/api', api);

  app.use(builtPage('server/dashboard', options.dashboard));
  app.use(tryPage());
  app.use((req) => {
    throw new FederatedError('NOT_FOUND', `there is nothing at ${req.path.slice(0, 100)}`);
  });
  // Express knows an error handler by its four parameters.
  const onError: ErrorRequestHandler = (error, _req, res, _next) => {
    const refusal = refusalOf(error);
    if (refusal === null) sendError(res, error, log);
    else sendError(res, refusal.error, log, { status: refusal.status });
  };
  app.use(onError);

  const sendBlob = blobRoute({ stallTimeout: limits.downloadStall, ...options });
  return (req, res) => {
    if (req.url?.startsWith(blobPrefix) === true) sendBlob(req, res);
    else app(req, res);
  };
}

/** What express and its body parser refuse by themselves (`http-errors` with a status of 4xx), or null. */
function refusalOf(error: unknown): { error: FederatedError; status: number } | null {
  const { status, type } = error as { status?: unknown; type?: unknown };
  if (error instanceof FederatedError || typeof status !== 'number' || status < 400 || status > 499) return null;
  if (status === 413) return { status, error: new FederatedError('TOO_LARGE', 'the body is larger than allowed here') };
  const sentences: Record<string, string> = {
    'entity.parse.failed': 'the body is not valid JSON',
    'encoding.unsupported': 'the body is compressed; send it plain',
    'charset.unsupported': 'the body is not UTF-8',
  };
  const sentence = sentences[String(type)] ?? 'the request is malformed';
  return { status, error: new FederatedError('BAD_ARGUMENT', sentence, { cause: error }) };
}
