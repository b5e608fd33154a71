import { FederatedError } from '../../shared/errors.ts';
import { refusal } from '../download-refusal.ts';
import type { ClientPlatform } from '../platform.ts';

/** A GET by `fetch` into one buffer of the announced size. */
export const download: ClientPlatform['download'] = async (url, { token, maxBytes, signal }) => {
  let response: Response;
  try {
    response = await fetch(url, {
      headers: { authorization: `Bearer ${token}` },
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      redirect: 'error',
      signal,
    });
  } catch (cause) {
    throw lost(url, cause);
  }
  if (response.status !== 200) throw refusal(response.status, url);
  const bytes = new Uint8Array(maxBytes);
  let length = 0;
  const reader = response.body!.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw lost(url, cause);
    });
    if (done) break;
    if (length + value.length > maxBytes) {
      await reader.cancel().catch(() => {});
      throw new FederatedError('TOO_LARGE', `${url}: more than the ${maxBytes} bytes that were announced`);
    }
    bytes.set(value, length);
    length += value.length;
  }
  return length === maxBytes ? bytes : bytes.slice(0, length);
};

const lost = (url: string, cause: unknown): FederatedError =>
  new FederatedError('CONNECTION_LOST', `the download of ${url} broke off: ${(cause as Error).message}`, { cause });
