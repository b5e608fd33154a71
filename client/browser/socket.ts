import type { Socket, SocketEvents } from '../platform.ts';

/** The browser's WebSocket. Why a connection failed it tells no script, so another try may always be worth it. */
export function openBrowserSocket(url: string, events: SocketEvents): Socket {
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => events.opened();
  // What is not binary is nothing of ours, and refused as an empty frame.
  socket.onmessage = ({ data }) =>
    events.message(data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(0));
  socket.onclose = ({ code, reason }) => events.closed(code, reason);
  return {
    send: (bytes) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(bytes as Uint8Array<ArrayBuffer>);
    },
    close: () => socket.close(1000),
  };
}
