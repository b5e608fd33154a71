import type { Server, Socket } from 'node:net';
import type { Limits } from '../../shared/protocol/limits.ts';

/**
 * Cuts TCP connections beyond the limits before a byte of them is read: what is not a request yet is counted by nothing else, and
 * each takes a file descriptor.
 */
export function capSockets(server: Server, limits: Pick<Limits, 'maxSockets' | 'maxSocketsPerAddress'>): void {
  const open = new Map<string, number>();
  server.maxConnections = limits.maxSockets;
  server.on('connection', (socket: Socket) => {
    const { remoteAddress = '' } = socket;
    const count = (open.get(remoteAddress) ?? 0) + 1;
    open.set(remoteAddress, count);
    socket.once('close', () => {
      const left = open.get(remoteAddress)! - 1;
      if (left > 0) open.set(remoteAddress, left);
      else open.delete(remoteAddress);
    });
    if (count > limits.maxSocketsPerAddress) socket.destroy();
  });
}
