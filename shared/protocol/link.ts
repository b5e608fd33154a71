import { FederatedError } from '../errors.ts';
import { normaliseJoinCode } from './join-code.ts';

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

/**
 * `fedloom://host:port/#<fingerprint>.<join code>`; with `secure`, `fedlooms://`: the same over TLS.
 * What stands after `#` never goes over the network when the link is opened in a browser.
 */
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
 * Reads a join link, or a bare `ws(s)://` or `http(s)://` address, with or without the part after `#`. Without a port it is
 * 80, over TLS 443.
 * @throws FederatedError BAD_LINK
 */
export function parseLink(text: string): ParsedLink {
  const [, scheme = '', rest = ''] = /^\s*([a-z]+:)(\/\/\S+)\s*$/i.exec(text.slice(0, maxLength + 1)) ?? [];
  const secure = Object.hasOwn(secureSchemes, scheme.toLowerCase()) ? secureSchemes[scheme.toLowerCase()] : undefined;
  if (secure === undefined || text.length > maxLength) throw bad(text);
  let url: URL;
  try {
    url = new URL(`${secure ? 'https:' : 'http:'}${rest}`); // a scheme that URL takes apart in the same way everywhere
  } catch (cause) {
    throw bad(text, cause);
  }
  const isBare = url.username === '' && url.password === '' && url.search === '';
  const fragment = /^#?(?:([A-Za-z0-9_-]{22})(?:\.([0-9A-Za-z-]+))?)?$/.exec(url.hash);
  if (!isBare || !['/', '/v1', '/v1/'].includes(url.pathname) || fragment === null) throw bad(text);
  const [, fingerprint, joinCode] = fragment;
  return {
    socketUrl: `${secure ? 'wss' : 'ws'}://${url.host}/v1`,
    httpUrl: `${secure ? 'https' : 'http'}://${url.host}`,
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(joinCode === undefined ? {} : { joinCode: normaliseJoinCode(joinCode) }),
  };
}

const maxLength = 512;

/** The part after `#` is a secret: it does not go into messages and logs. */
const bad = (text: string, cause?: unknown): FederatedError =>
  new FederatedError(
    'BAD_LINK',
    `link: expected fedloom://host:port/#fingerprint.join-code as the server prints it, got ${JSON.stringify(text.split('#', 1)[0]!.slice(0, 80))}`,
    { cause },
  );
