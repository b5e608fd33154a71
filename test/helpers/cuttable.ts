import { nodePlatform, type NodePlatformOptions } from '../../client/node/platform.ts';
import type { ClientPlatform, Socket } from '../../client/platform.ts';

/** A client's runtime whose network a test can take away. */
export interface Cuttable {
  readonly platform: ClientPlatform;
  /** Ends the connection; the client may connect again. */
  cut(): void;
  /** Ends the connection for good, as the death of its process would. */
  kill(): void;
}

export function cuttable(options: NodePlatformOptions = {}): Cuttable {
  const platform = nodePlatform(options);
  const sockets = new Set<Socket>();
  let isDead = false;
  const cut = (): void => {
    for (const socket of sockets) socket.close();
    sockets.clear();
  };
  return {
    platform: {
      ...platform,
      openSocket(url, events) {
        if (isDead) return { send() {}, close() {} }; // nothing ever comes of it
        const socket = platform.openSocket(url, events);
        sockets.add(socket);
        return socket;
      },
    },
    cut,
    kill() {
      isDead = true;
      cut();
    },
  };
}
