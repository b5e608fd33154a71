import { FederatedError } from '../shared/errors.ts';

/** What an HTTP status other than 200 means for a download. */
export function refusal(status: number, url: string): FederatedError {
  if (status === 401 || status === 403)
    return new FederatedError('NOT_AUTHORISED', `${url}: the server refused this session's token`);
  if (status === 404) return new FederatedError('NOT_FOUND', `${url}: the server does not have this blob`);
  return new FederatedError('CONNECTION_LOST', `${url}: HTTP status ${status}`);
}
