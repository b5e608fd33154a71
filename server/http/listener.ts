import * as http from 'node:http';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import * as tls from 'node:tls';
import { FederatedError } from '../../shared/errors.ts';
import type { Limits } from '../../shared/protocol/limits.ts';
import { capSockets } from './cap-sockets.ts';

/** PEM texts. With `clientCa` only those get a connection who show a certificate of that authority (mutual TLS). */
export interface TlsTexts {
  readonly key: string;
  readonly cert: string;
  readonly clientCa?: string;
}

/** Between the end of the server and the cut of what is still being answered, ms. */
const lastWords = 1_500;

/**
 * A server for requests, within its limits; over TLS 1.2 or newer where there are texts for it. It does not listen yet.
 * @throws FederatedError BAD_FILE when the texts are no key and certificate that belong together
 */
export function createListener(handler: http.RequestListener, limits: Limits, texts?: TlsTexts): http.Server {
  const { headersTimeout, requestTimeout, maxHeaderBytes, maxHeaders } = limits;
  const options: http.ServerOptions = {
    headersTimeout,
    requestTimeout,
    // How often the two above are looked at: half a minute without it.
    connectionsCheckingInterval: Math.ceil(Math.min(headersTimeout, requestTimeout) / 5),
    maxHeaderSize: maxHeaderBytes,
    keepAliveTimeout: 65_000,
  };
  const server =
    texts === undefined
      ? http.createServer(options, handler)
      : https.createServer({ ...options, ...tlsOptions(texts) }, handler);
  server.maxHeadersCount = maxHeaders;
  capSockets(server, limits);
  return server;
}

/** @param port - 0 takes a free one. @returns the port. @throws FederatedError BAD_STATE when it cannot be had */
export async function listen(server: http.Server, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'EADDRINUSE'
          ? 'is taken by another program; choose another with --port'
          : `is not available: ${error.message}`;
      reject(new FederatedError('BAD_STATE', `port ${port} on ${host} ${why}`, { cause: error }));
    });
    server.listen({ host, port, backlog: 8_192 }, resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** Takes no more, and lets what is being answered come to its end within a short time. */
export async function closeListener(server: http.Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), lastWords);
  await closed;
  clearTimeout(cut);
}

function tlsOptions({ key, cert, clientCa }: TlsTexts): https.ServerOptions {
  const demands = clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true };
  const all = { key, cert, ...demands, minVersion: 'TLSv1.2' } as const;
  try {
    tls.createSecureContext(all);
  } catch (cause) {
    const message = `TLS: key, certificate or client authority cannot be used: ${(cause as Error).message}`;
    throw new FederatedError('BAD_FILE', message, { cause });
  }
  return all;
}
