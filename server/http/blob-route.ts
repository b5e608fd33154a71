import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { FederatedError } from '../../shared/errors.ts';
import { sha256Id, type Sha256 } from '../../shared/ids.ts';
import type { Log } from '../host.ts';
import type { Metrics } from '../metrics.ts';
import type { Role } from '../operations.ts';
import type { BlobStore } from '../store/store.ts';
import { BlobCache } from './blob-cache.ts';
import { crossOrigin } from './cross-origin.ts';
import { sendError, sendUnauthorised, sendWrongMethod } from './errors.ts';
import { parseRange, type ByteRange } from './range.ts';
import { bearerToken } from './token.ts';

export interface BlobRouteOptions {
  readonly blobs: BlobStore;
  readonly roleOf: (token: string) => Role | null;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Web origins whose pages may read blobs, beside the server's own. */
  readonly allowedOrigins?: readonly string[];
  /** Blobs kept in memory, and their bytes in all. The model of the round, what its strategy tells beside it, and its task. */
  readonly cachedBlobs?: number;
  readonly cachedBytes?: number;
  /** A larger blob is sent from the disk piece by piece, bytes. */
  readonly streamAbove?: number;
  /** A download that stands still for so long is cut, ms. */
  readonly stallTimeout?: number;
}

export const blobPrefix = '/v1/blobs/';

/**
 * `GET|HEAD /v1/blobs/<sha256>`, for every role. The one hot path of the HTTP server (each client fetches each round's
 * model), so it stands before express and does as little as it can: a look-up, one header, one write of shared memory.
 */
export function blobRoute({
  blobs,
  roleOf,
  metrics,
  log,
  allowedOrigins = [],
  cachedBlobs = 3,
  cachedBytes = 64 * 1024 * 1024,
  streamAbove = 16 * 1024 * 1024,
  stallTimeout = 60_000,
}: BlobRouteOptions): (req: IncomingMessage, res: ServerResponse) => void {
  const cache = new BlobCache(blobs, cachedBlobs, cachedBytes);
  const isPreflight = crossOrigin(allowedOrigins);

  /** Sends the headers. The bytes that are to follow, or null when the response is complete. */
  function begin(req: IncomingMessage, res: ServerResponse, id: Sha256, size: number): ByteRange | null {
    const etag = `"${id}"`;
    const headers: Record<string, string | number> = {
      ETag: etag,
      // The name is the content's hash: it never changes. Private, since it was given for a token.
      'Cache-Control': 'private, max-age=31536000, immutable',
      'Accept-Ranges': 'bytes',
      'X-Content-Type-Options': 'nosniff',
    };
    const { range: wanted, 'if-range': ifRange, 'if-none-match': ifNoneMatch } = req.headers;
    if (ifNoneMatch !== undefined && (ifNoneMatch === '*' || ifNoneMatch.includes(etag))) {
      res.writeHead(304, headers).end();
      return null;
    }
    const range = ifRange === undefined || ifRange === etag ? parseRange(wanted, size) : null;
    if (range === 'unsatisfiable') {
      const error = new FederatedError('BAD_ARGUMENT', `no byte of this blob of ${size} bytes lies in that range`);
      sendError(res, error, log, { status: 416, headers: { 'Content-Range': `bytes */${size}` } });
      return null;
    }
    const { start, end } = range ?? { start: 0, end: size };
    headers['Content-Type'] = 'application/octet-stream';
    headers['Content-Length'] = end - start;
    if (range !== null) headers['Content-Range'] = `bytes ${start}-${end - 1}/${size}`;
    res.writeHead(range === null ? 200 : 206, headers);
    if (req.method === 'HEAD') {
      res.end();
      return null;
    }
    res.setTimeout(stallTimeout, () => res.destroy());
    metrics.bytes('down', end - start);
    return { start, end };
  }

  function sendBytes(req: IncomingMessage, res: ServerResponse, id: Sha256, bytes: Uint8Array): void {
    const range = begin(req, res, id, bytes.length);
    if (range !== null) res.end(bytes.subarray(range.start, range.end));
  }

  async function sendStored(req: IncomingMessage, res: ServerResponse, id: Sha256): Promise<void> {
    const size = await blobs.size(id);
    if (size === null) throw new FederatedError('NOT_FOUND', `there is no blob ${id}`);
    if (size <= streamAbove) {
      sendBytes(req, res, id, await cache.load(id, size));
      return;
    }
    const range = begin(req, res, id, size);
    if (range === null) return;
    // One piece ahead: pipeline reads the next only when the socket has taken the last.
    const pieces = Readable.from(blobs.read(id, range.start, range.end), { objectMode: true, highWaterMark: 1 });
    await pipeline(pieces, res);
  }

  return (req, res) => {
    const { method, url = '' } = req;
    if (isPreflight(req, res)) return;
    if (method !== 'GET' && method !== 'HEAD') return sendWrongMethod(res, log, 'GET, HEAD');
    const token = bearerToken(req);
    if (token === null || roleOf(token) === null) return sendUnauthorised(res, log);
    const query = url.indexOf('?');
    let id: Sha256;
    try {
      id = sha256Id(url.slice(blobPrefix.length, query === -1 ? undefined : query));
    } catch (error) {
      return sendError(res, error, log);
    }
    const bytes = cache.peek(id);
    if (bytes !== null) return sendBytes(req, res, id, bytes);
    sendStored(req, res, id).catch((error: unknown) => {
      if (!res.destroyed) sendError(res, error, log); // a reader that went away needs no answer
    });
  };
}
