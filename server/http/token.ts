import type { IncomingMessage } from 'node:http';

/** The token of `Authorization: Bearer <token>` (RFC 6750, section 2.1), or null. */
export function bearerToken(req: IncomingMessage): string | null {
  const header = req.headers.authorization;
  if (header === undefined || header.length > 512) return null;
  return /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(header)?.[1] ?? null;
}
