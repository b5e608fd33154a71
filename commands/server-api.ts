import { readFile } from 'node:fs/promises';
import * as http from 'node:http';
import * as https from 'node:https';
import { join } from 'node:path';
import type { ClientTls } from '../client/node/socket.ts';
import { isLocked } from '../server/store/lock.ts';
import { FederatedError, isErrorCode } from '../shared/errors.ts';

/** The API of the server that runs on a data folder of this machine. */
export interface ServerApi {
  readonly url: string;
  /**
   * @param path - below `/api/`
   * @throws FederatedError with the code that the server gave; CONNECTION_REFUSED, WRONG_SERVER or NOT_ADMITTED when it gave none
   */
  call<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<T>;
}

/** How long a server that is there may take to answer, ms. */
const patience = 30_000;

/**
 * The server that owns the folder, by the address and the admin token that it wrote there; null when none runs.
 * The folder's lock says whether one does: a file with an address outlives its server, and the token must not go to
 * whichever program has that port today.
 * @param tls - for a server on TLS: whom to trust, and this command's own certificate
 * @throws FederatedError CONNECTION_REFUSED when the owner has not written its address
 */
export async function findServer(dataDir: string, tls: ClientTls = {}): Promise<ServerApi | null> {
  if (!isLocked(dataDir)) return null;
  let url: string;
  let token: string;
  try {
    const address = JSON.parse(await readFile(join(dataDir, 'server.json'), 'utf8')) as { url: string };
    url = new URL(address.url).origin;
    token = (await readFile(join(dataDir, 'admin.token'), 'utf8')).trim();
  } catch (cause) {
    const message = `the server on ${dataDir} cannot be found: ${(cause as Error).message}; if it is starting, try again`;
    throw new FederatedError('CONNECTION_REFUSED', message, { cause });
  }
  return {
    url,
    async call<T>(method: string, path: string, body?: unknown): Promise<T> {
      const json = body === undefined ? '' : JSON.stringify(body);
      const headers = {
        authorization: `Bearer ${token}`,
        ...(json === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(json) }),
      };
      const answer = await ask(
        `${url}/api/${path}`,
        { ...tls, method, headers, timeout: patience, agent: false },
        json,
      );
      if (answer.status >= 200 && answer.status < 300) return answer.value as T;
      const { code = '', message } = (answer.value as { error?: { code?: string; message?: string } }).error ?? {};
      const status = `the server at ${url} answered ${answer.status}`;
      throw new FederatedError(isErrorCode(code) ? code : 'INTERNAL', message ?? status);
    },
  };
}

async function ask(
  url: string,
  options: https.RequestOptions,
  body: string,
): Promise<{ status: number; value: unknown }> {
  try {
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const request = (url.startsWith('https:') ? https : http).request(url, options, resolve);
      request.once('timeout', () => request.destroy(new Error(`no answer in ${patience / 1_000} s`)));
      request.once('error', reject);
      request.end(body);
    });
    const pieces: Buffer[] = [];
    for await (const piece of response) pieces.push(piece as Buffer);
    return { status: response.statusCode!, value: JSON.parse(Buffer.concat(pieces).toString()) };
  } catch (cause) {
    throw troubleWith(new URL(url).origin, cause as NodeJS.ErrnoException);
  }
}

function troubleWith(origin: string, cause: NodeJS.ErrnoException): FederatedError {
  const { code = '', message } = cause;
  if (code.startsWith('ERR_OSSL')) {
    return new FederatedError('BAD_ARGUMENT', `--tls-cert, --tls-key: not readable as PEM: ${message}`, { cause });
  }
  // Under TLS 1.3 a server that misses a certificate says so only after the handshake, or just hangs up.
  if (/ALERT/.test(code)) {
    const what = `the server at ${origin} asks for a certificate, and takes none that this command has`;
    return new FederatedError('NOT_ADMITTED', `${what}; give one with --tls-cert and --tls-key`, { cause });
  }
  if (origin.startsWith('https:') && /ECONNRESET|EPIPE/.test(code)) {
    const what = `the server at ${origin} hung up before it answered: it has stopped, or asks for a certificate that this command has not`;
    return new FederatedError('NOT_ADMITTED', `${what}; give one with --tls-cert and --tls-key`, { cause });
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/.test(code)) {
    const what = `the certificate of ${origin} is not trusted here: ${message}`;
    return new FederatedError('WRONG_SERVER', `${what}; name its authority with --tls-ca`, { cause });
  }
  const what = `the server at ${origin} does not answer: ${message}; if it is starting, try again`;
  return new FederatedError('CONNECTION_REFUSED', what, { cause });
}
