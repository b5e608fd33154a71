import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * Lets pages of the named origins, and no others, read what follows with a token of theirs (the CORS protocol of the Fetch
 * standard, https://fetch.spec.whatwg.org/#http-cors-protocol). No credentials: there are no cookies here.
 * @param allowed - as browsers write them: `https://app.example`
 * @returns sets the headers; true when the request was a preflight and is answered
 */
export function crossOrigin(allowed: readonly string[]): (req: IncomingMessage, res: ServerResponse) => boolean {
  const origins = new Set(allowed);
  return ({ headers: { origin }, headers, method }, res) => {
    if (origins.size > 0) res.setHeader('Vary', 'Origin');
    if (origin === undefined || !origins.has(origin)) return false;
    res.setHeader('Access-Control-Allow-Origin', origin);
    if (method !== 'OPTIONS' || headers['access-control-request-method'] === undefined) return false;
    res.writeHead(204, {
      'Access-Control-Allow-Methods': 'GET, HEAD',
      'Access-Control-Allow-Headers': 'Authorization, Range',
      'Access-Control-Max-Age': '7200',
    });
    res.end();
    return true;
  };
}
