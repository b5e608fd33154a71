import { FederatedError } from '../errors.ts';

/** A server's address as clients use it. */
export interface ParsedLink {
  /** `ws://host:port/v1` */
  readonly socketUrl: string;
  /** `http://host:port`, for blobs */
  readonly httpUrl: string;
  /** Pins the server's key; absent in a bare address. */
  readonly fingerprint?: string;
  readonly joinCode?: string;
}

/** `fedloom://host:port/#<fingerprint>.<join code>`; `fedlooms://` over TLS. */
export function formatLink(options: {
  readonly host: string;
  readonly port: number;
  readonly fingerprint: string;
  readonly joinCode?: string;
  readonly secure?: boolean;
}): string {
  const { host, port, fingerprint, joinCode, secure = false } = options;
  const bracketed = host.includes(':') ? `[${host}]` : host;
  return `${secure ? 'fedlooms' : 'fedloom'}://${bracketed}:${port}/#${fingerprint}${joinCode === undefined ? '' : `.${joinCode}`}`;
}

const secureSchemes: Record<string, boolean> = {
  'fedloom:': false,
  'ws:': false,
  'http:': false,
  'fedlooms:': true,
  'wss:': true,
  'https:': true,
};

/**
 * Reads a join link, or a bare `ws(s)://` or `http(s)://` address, with or without the part after `#`.
 * @throws FederatedError BAD_LINK
 */
export function parseLink(text: string): ParsedLink {
  const scheme = /^([a-z]+:)\/\//.exec(text)?.[1] ?? '';
  const secure = Object.hasOwn(secureSchemes, scheme) ? secureSchemes[scheme] : undefined;
  if (secure === undefined || text.length > 2_048) throw bad(text);
  let url: URL;
  try {
    url = new URL(text.replace(scheme, secure ? 'https:' : 'http:')); // a scheme that URL knows how to take apart
  } catch (cause) {
    throw bad(text, cause);
  }
  if (
    url.hostname === '' ||
    url.username !== '' ||
    url.search !== '' ||
    !['', '/', '/v1', '/v1/'].includes(url.pathname)
  )
    throw bad(text);
  const fragment = /^#?(?:([A-Za-z0-9_-]{22})(?:\.([0-9A-Za-z-]{4,64}))?)?$/.exec(url.hash);
  if (fragment === null) throw bad(text);
  const [, fingerprint, joinCode] = fragment;
  return {
    socketUrl: `${secure ? 'wss' : 'ws'}://${url.host}/v1`,
    httpUrl: `${secure ? 'https' : 'http'}://${url.host}`,
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(joinCode === undefined ? {} : { joinCode }),
  };
}

const bad = (text: string, cause?: unknown): FederatedError =>
  new FederatedError(
    'BAD_LINK',
    `expected a join link such as fedloom://host:port/#fingerprint.join-code, got ${JSON.stringify(text.slice(0, 80))}`,
    { cause },
  );
