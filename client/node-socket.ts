import { WebSocket } from 'ws';
import { defaultLimits, maxBufferedChunks, maxFragments } from '../shared/protocol/limits.ts';
import type { Socket, SocketEvents } from './platform.ts';

/** A WebSocket by `ws`: no compression, bounded messages. */
export function openNodeSocket(url: string, events: SocketEvents): Socket {
  const socket = new WebSocket(url, {
    perMessageDeflate: false,
    maxPayload: defaultLimits.chunkBytes,
    maxFragments,
    maxBufferedChunks,
    skipUTF8Validation: true,
    // Masks keep a page's script from writing chosen bytes onto the wire (RFC 6455, section 10.3). What goes out here is
    // ciphertext, which nobody chooses; a mask of zeros saves `ws` a copy of every chunk, and the server the unmasking.
    generateMask: (mask) => void mask.fill(0),
    handshakeTimeout: defaultLimits.helloTimeout,
  });
  let cut: NodeJS.Timeout | undefined;
  socket.on('open', () => events.opened());
  socket.on('message', (data: Buffer) => events.message(data));
  // An error is always followed by `close`, which says it all.
  socket.on('error', () => {});
  socket.on('close', (code, reason) => {
    clearTimeout(cut);
    events.closed(code, reason.toString());
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
