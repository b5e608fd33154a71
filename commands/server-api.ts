import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isLocked } from '../server/store/lock.ts';
import { FederatedError, isErrorCode } from '../shared/errors.ts';

/** The API of the server that runs on a data folder of this machine. */
export interface ServerApi {
  readonly url: string;
  /**
   * @param path - below `/api/`
   * @throws FederatedError with the code that the server gave, or CONNECTION_REFUSED
   */
  call<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<T>;
}

/** How long a server that is there may take to answer, ms. */
const patience = 30_000;

/**
 * The server that owns the folder, by the address and the admin token that it wrote there; null when none runs.
 * The folder's lock says whether one does: a file with an address outlives its server, and the token must not go to
 * whichever program has that port today.
 * @throws FederatedError CONNECTION_REFUSED when the owner has not written its address
 */
export async function findServer(dataDir: string): Promise<ServerApi | null> {
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
      const answer = await ask(`${url}/api/${path}`, {
        method,
        headers: {
          Authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        redirect: 'error',
        signal: AbortSignal.timeout(patience),
      });
      if (answer.ok) return answer.value as T;
      const { code = '', message } = (answer.value as { error?: { code?: string; message?: string } }).error ?? {};
      const status = `the server at ${url} answered ${answer.status}`;
      throw new FederatedError(isErrorCode(code) ? code : 'INTERNAL', message ?? status);
    },
  };
}

async function ask(url: string, init: RequestInit): Promise<{ ok: boolean; status: number; value: unknown }> {
  try {
    const response = await fetch(url, init);
    return { ok: response.ok, status: response.status, value: await response.json() };
  } catch (cause) {
    const why = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : (cause as Error).message;
    const message = `the server at ${new URL(url).origin} does not answer: ${why}; if it is starting, try again`;
    throw new FederatedError('CONNECTION_REFUSED', message, { cause });
  }
}
