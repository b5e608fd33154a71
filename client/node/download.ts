import * as http from 'node:http';
import * as https from 'node:https';
import { FederatedError } from '../../shared/errors.ts';
import { refusal } from '../download-refusal.ts';
import type { ClientPlatform } from '../platform.ts';
import type { ClientTls } from './socket.ts';

const agents = { 'http:': new http.Agent({ keepAlive: true }), 'https:': new https.Agent({ keepAlive: true }) };
const idleTimeout = 30_000;

/** A GET straight into one buffer of the announced size. */
export const download: ClientPlatform['download'] = (url, options) => fetchBlob(url, options, agents);

/** The same, showing a certificate or trusting an authority of its own. */
export function downloadWith(tls: ClientTls): ClientPlatform['download'] {
  const own = { ...agents, 'https:': new https.Agent({ keepAlive: true, ...tls }) };
  return (url, options) => fetchBlob(url, options, own);
}

const fetchBlob = (
  url: string,
  { token, maxBytes, signal }: Parameters<ClientPlatform['download']>[1],
  agentOf: typeof agents,
): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const { protocol } = new URL(url);
    const secure = protocol === 'https:';
    const lost = (cause?: Error): void =>
      reject(
        new FederatedError('CONNECTION_LOST', `the download of ${url} broke off: ${cause?.message ?? 'closed'}`, {
          cause,
        }),
      );
    const request = (secure ? https : http).get(
      url,
      {
        agent: agentOf[secure ? 'https:' : 'http:'],
        headers: { authorization: `Bearer ${token}` },
        signal,
        timeout: idleTimeout,
      },
      (response) => {
        const status = response.statusCode ?? 0;
        if (status !== 200) {
          response.resume();
          reject(refusal(status, url));
          return;
        }
        const bytes = new Uint8Array(maxBytes);
        let length = 0;
        response.on('data', (part: Buffer) => {
          if (length + part.length > maxBytes) {
            request.destroy();
            reject(new FederatedError('TOO_LARGE', `${url}: more than the ${maxBytes} bytes that were announced`));
            return;
          }
          bytes.set(part, length);
          length += part.length;
        });
        response.on('end', () => resolve(length === maxBytes ? bytes : bytes.slice(0, length)));
        response.on('error', lost);
        response.on('aborted', () => lost());
      },
    );
    request.on('timeout', () => request.destroy(new Error(`nothing came for ${idleTimeout} ms`)));
    request.on('error', lost);
  });
