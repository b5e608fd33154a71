/** The server's API, with the token of this tab. */

const key = 'fedloom-token';

/** Takes the token of the printed link out of the address at once: not into the history, a bookmark or a screenshot. */
export function takeToken(): void {
  const url = new URL(location.href);
  const given = url.searchParams.get('token');
  if (given === null) return;
  setToken(given);
  url.searchParams.delete('token');
  history.replaceState(null, '', url);
}
export const setToken = (token: string): void => sessionStorage.setItem(key, token.trim());
export const hasToken = (): boolean => sessionStorage.getItem(key) !== null;

export class ApiError extends Error {
  /** 0 when the server did not answer. */
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** By how much the server's clock is ahead of this machine's, ms; small differences are those of the way. */
export let clockAhead = 0;

/** @param path - below `api/`. @throws ApiError */
export async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const token = sessionStorage.getItem(key) ?? '';
  let response: Response;
  try {
    const headers = { ...(init.headers as Record<string, string>), Authorization: `Bearer ${token}` };
    response = await fetch(`api/${path}`, { ...init, headers });
  } catch {
    throw new ApiError(0, 'The server does not answer.');
  }
  const ahead = Date.parse(response.headers.get('Date') ?? '') - Date.now();
  clockAhead = Math.abs(ahead) > 5_000 ? ahead : 0;
  if (response.ok) return response;
  const body = (await response.json().catch(() => null)) as { error?: { message?: string } } | null;
  throw new ApiError(response.status, body?.error?.message ?? `the server answered ${response.status}`);
}

export const get = async <T>(path: string): Promise<T> => (await (await call(path)).json()) as T;

export const post = async <T>(path: string, body?: unknown): Promise<T> => {
  const json =
    body === undefined ? {} : { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
  return (await (await call(path, { method: 'POST', ...json })).json()) as T;
};

/** Saves what a path answers, under the name that the server gives it. */
export async function download(path: string): Promise<string> {
  const response = await call(path);
  const name = /filename="([^"]+)"/.exec(response.headers.get('Content-Disposition') ?? '')?.[1] ?? 'model';
  save(name, await response.blob());
  return name;
}

export function save(name: string, content: Blob): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
