import type { Request, Response } from 'express';
import type { RunId } from '../../shared/ids.ts';
import type { EventLog } from '../event-log.ts';
import type { Operations, ServerEvent } from '../operations.ts';

export interface EventStreamOptions {
  readonly operations: Operations;
  readonly events: EventLog;
  /** ms between comment lines, which keep proxies from closing a quiet stream. */
  readonly heartbeat: number;
  /** A reader that is further behind is cut; it comes back with the id of its last event. Bytes. */
  readonly maxQueuedBytes: number;
}

/** Serves one stream of a run's events, or of all events when `run` is null. */
export type EventStream = (req: Request, res: Response, run: RunId | null) => Promise<void>;

/**
 * Server-sent events (WHATWG HTML, section 9.2) with `Last-Event-ID`. A reader whose last event is not known any more
 * (or that names none) first gets a `snapshot`: the run's view, or `{ runs }`, as it was at or after that event.
 */
export function eventStream({ operations, events, heartbeat, maxQueuedBytes }: EventStreamOptions): EventStream {
  return async (req, res, run) => {
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
        if (res.writableLength > maxQueuedBytes) res.destroy();
      };
      write('retry: 2000\n\n');
      if (missed === null) write(`id: ${newest}\nevent: snapshot\ndata: ${JSON.stringify(view)}\n\n`);
      send = (event) => {
        if (run !== null && event.run !== run) return;
        write(`id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
      };
      for (const event of queue) send(event);
      const beat = setInterval(() => write(':\n\n'), heartbeat);
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
