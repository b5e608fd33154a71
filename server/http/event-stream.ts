import type { Request, Response } from 'express';
import { FederatedError } from '../../shared/errors.ts';
import type { RunId } from '../../shared/ids.ts';
import type { EventLog } from '../event-log.ts';
import type { Operations, Role, ServerEvent } from '../operations.ts';
import { bearerToken } from './token.ts';

export interface EventStreamOptions {
  readonly operations: Operations;
  readonly events: EventLog;
  readonly roleOf: (token: string) => Role | null;
  /** ms between comment lines, which keep proxies from closing a quiet stream. */
  readonly heartbeat: number;
  /** A reader that is further behind is cut; it comes back with the id of its last event. Bytes. */
  readonly maxStreamQueuedBytes: number;
  /** Streams open at once, of one address and in all. */
  readonly maxStreamsPerAddress: number;
  readonly maxStreams: number;
}

/** Serves one stream of a run's events, or of all events when `run` is null. */
export type EventStream = (req: Request, res: Response, run: RunId | null) => Promise<void>;

/**
 * Server-sent events (WHATWG HTML, section 9.2) with `Last-Event-ID`. A reader whose last event is not known any more
 * (or that names none) first gets a `snapshot`: the run's view, or `{ runs }`, as it was at or after that event.
 */
export function eventStream(options: EventStreamOptions): EventStream {
  const { operations, events, heartbeat, maxStreamQueuedBytes } = options;
  const places = new Places(options.maxStreamsPerAddress, options.maxStreams);
  return async (req, res, run) => {
    res.once('close', places.take(req.socket.remoteAddress ?? ''));
    const snapshot = async (): Promise<unknown> =>
      run === null ? { runs: await operations.runs() } : operations.run(run);
    const lastId = req.get('Last-Event-ID');
    const missed = lastId === undefined ? null : events.since(lastId);
    // What happens while the snapshot is taken comes after it: the same news twice, but none lost.
    const queue: ServerEvent[] = missed ?? [];
    let send = (event: ServerEvent): void => void queue.push(event);
    const ignore = events.listen((event) => send(event));
    try {
      const newest = events.recent(1)[0]?.id ?? '';
      // Also for a reader that goes on: NOT_FOUND for a run that was removed.
      const view = await snapshot();
      if (res.destroyed) return ignore(); // it went away meanwhile
      res.writeHead(200, {
        'Content-Type': 'text/event-stream; charset=utf-8',
        'X-Accel-Buffering': 'no', // nginx would hold the events back
      });
      if (req.method === 'HEAD') {
        ignore();
        res.end();
        return;
      }
      const write = (text: string): void => {
        if (res.destroyed) return;
        res.write(text);
        if (res.writableLength > maxStreamQueuedBytes) res.destroy();
      };
      write('retry: 2000\n\n');
      if (missed === null) write(`id: ${newest}\nevent: snapshot\ndata: ${JSON.stringify(view)}\n\n`);
      const token = bearerToken(req);
      // A token that is over, or was made anew, opens nothing any more, and keeps nothing open.
      const isOver = (): boolean => {
        if (token !== null && options.roleOf(token) !== null) return false;
        if (!res.writableEnded) res.end();
        return true;
      };
      send = (event) => {
        if ((run !== null && event.run !== run) || isOver()) return;
        write(`id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
      };
      for (const event of queue) send(event);
      const beat = setInterval(() => {
        if (!isOver()) write(':\n\n');
      }, heartbeat);
      res.on('close', () => {
        clearInterval(beat);
        ignore();
      });
    } catch (error) {
      ignore();
      throw error;
    }
  };
}

/** Counts what is open, by address. */
class Places {
  readonly #mostEach: number;
  readonly #most: number;
  readonly #taken = new Map<string, number>();
  #all = 0;

  constructor(mostEach: number, most: number) {
    this.#mostEach = mostEach;
    this.#most = most;
  }

  /** @returns gives the place back. @throws FederatedError RATE_LIMITED */
  take(address: string): () => void {
    const count = this.#taken.get(address) ?? 0;
    if (count >= this.#mostEach || this.#all >= this.#most) {
      const what = count >= this.#mostEach ? `${count} event streams of this address` : `${this.#all} event streams`;
      throw new FederatedError('RATE_LIMITED', `${what} are open, and no more are possible; close one`);
    }
    this.#taken.set(address, count + 1);
    this.#all++;
    return () => {
      this.#all--;
      const left = this.#taken.get(address)! - 1;
      if (left > 0) this.#taken.set(address, left);
      else this.#taken.delete(address);
    };
  }
}
