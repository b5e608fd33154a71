import { call } from '../api.ts';
import type { ServerEvent } from '../../operations.ts';

export interface StreamHandlers {
  /** The stream stands. */
  opened(): void;
  /** Anything came, be it only a sign of life. */
  heard(): void;
  event(event: ServerEvent): void;
}

/**
 * Follows the server's events until the stream ends. By fetch and not EventSource, which cannot send the token in a header and
 * would put it into an address.
 * @param lastEvent - id of the last event that was seen, or ''
 * @returns when the stream has ended
 * @throws ApiError
 */
export async function follow(lastEvent: string, handlers: StreamHandlers, signal: AbortSignal): Promise<void> {
  const response = await call('events', { signal, headers: lastEvent === '' ? {} : { 'Last-Event-ID': lastEvent } });
  handlers.opened();
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    handlers.heard();
    const blocks = (text + value).split('\n\n');
    text = blocks.pop()!;
    for (const block of blocks) {
      const fields = new Map(
        block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.replace(/^\w*: ?/, '')]),
      );
      const data = fields.get('data');
      if (data !== undefined && fields.get('event') !== 'snapshot') handlers.event(JSON.parse(data) as ServerEvent);
    }
  }
}
