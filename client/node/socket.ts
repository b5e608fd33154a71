import { WebSocket } from 'ws';
import { FederatedError } from '../../shared/errors.ts';
import { defaultLimits, maxBufferedChunks, maxFragments } from '../../shared/protocol/limits.ts';
import type { Socket, SocketEvents } from '../platform.ts';

/** PEM texts. */
export interface ClientTls {
  readonly key?: string;
  readonly cert?: string;
  readonly ca?: string;
}

/** A WebSocket by `ws`: no compression, bounded messages. */
export function openNodeSocket(url: string, events: SocketEvents, tls: ClientTls = {}): Socket {
  const socket = new WebSocket(url, {
    ...tls,
    perMessageDeflate: false,
    maxPayload: defaultLimits.chunkBytes + 64, // a part of a long message, with header and seal
    maxFragments,
    maxBufferedChunks,
    skipUTF8Validation: true,
    // Masks keep a page's script from writing chosen bytes onto the wire (RFC 6455, section 10.3). What goes out here is
    // ciphertext, which nobody chooses; a mask of zeros saves `ws` a copy of every chunk, and the server the unmasking.
    generateMask: (mask) => void mask.fill(0),
    handshakeTimeout: defaultLimits.helloTimeout,
  });
  let cut: NodeJS.Timeout | undefined;
  let refusal: FederatedError | undefined;
  socket.on('open', () => events.opened());
  socket.on('message', (data: Buffer) => events.message(data));
  // An error is always followed by `close`.
  socket.on('error', (error: NodeJS.ErrnoException) => {
    refusal = refusalOf(url, error);
  });
  socket.on('close', (code, reason) => {
    clearTimeout(cut);
    events.closed(code, reason.toString(), refusal);
  });
  return {
    send: (bytes) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(bytes);
    },
    close: () => {
      if (socket.readyState === WebSocket.CONNECTING) socket.terminate();
      else if (socket.readyState !== WebSocket.CLOSED) {
        socket.close(1000);
        cut = setTimeout(() => socket.terminate(), 1_000); // a server that does not answer the close
      }
    },
  };
}

/** A TLS alert of the server: it wants a certificate that it knows the authority of. */
const askedFor = (url: string, cause: Error): FederatedError => {
  const what = `the server at ${url} asks for a client certificate, and takes none that this client has`;
  return new FederatedError('NOT_ADMITTED', `${what}; give one with --tls-cert and --tls-key`, { cause });
};

/** What will not get better by itself: a certificate that is not trusted, or an address where no Fedloom server is. */
function refusalOf(url: string, error: NodeJS.ErrnoException): FederatedError | undefined {
  if (/CERT|SELF_SIGNED|ALERT|UNABLE_TO_VERIFY|ERR_TLS/.test(error.code ?? '')) {
    if (/ALERT/.test(error.code ?? '')) return askedFor(url, error);
    const what = `the certificate of ${url} is not trusted here: ${error.message}`;
    return new FederatedError('WRONG_SERVER', `${what}; name its authority's file in NODE_EXTRA_CA_CERTS`, {
      cause: error,
    });
  }
  const status = /^Unexpected server response: (\d+)/.exec(error.message)?.[1];
  if (status === '404') return new FederatedError('BAD_LINK', `there is no Fedloom server at ${url} (HTTP status 404)`);
  if (status === '403')
    return new FederatedError('ORIGIN_REFUSED', `the server at ${url} refuses this client (HTTP status 403)`);
  return undefined;
}
