import type { ServerEvent } from './operations.ts';

/** Tells operators of something: one plain sentence, and what it is about. */
export type Tell = (type: ServerEvent['type'], message: string, data: object) => void;

/** The last events in memory, with ids for resuming a stream (`Last-Event-ID`). */
export class EventLog {
  readonly #life: string;
  readonly #keep: number;
  readonly #events: ServerEvent[] = [];
  readonly #listeners = new Set<(event: ServerEvent) => void>();
  #last = 0;

  /** @param startedAt - ms since 1970; makes the ids of two lives of a server differ */
  constructor(startedAt: number, keep = 2_000) {
    this.#life = startedAt.toString(36);
    this.#keep = keep;
  }

  add(event: Omit<ServerEvent, 'id'>): ServerEvent {
    const whole = { id: `${this.#life}-${++this.#last}`, ...event };
    this.#events.push(whole);
    if (this.#events.length > this.#keep) this.#events.splice(0, this.#events.length - this.#keep);
    for (const listener of this.#listeners) listener(whole);
    return whole;
  }

  /** Entries of each thing that is held: where a leak would show. */
  sizes(): Record<'events' | 'eventListeners', number> {
    return { events: this.#events.length, eventListeners: this.#listeners.size };
  }

  /** The events after the one with this id; null when that one is of another life or already dropped. */
  since(id: string): ServerEvent[] | null {
    const [life, number] = id.split('-');
    if (life !== this.#life || !/^\d+$/.test(number ?? '')) return null;
    const missed = this.#last - Number(number);
    if (missed < 0 || missed > this.#events.length) return null;
    return missed === 0 ? [] : this.#events.slice(-missed);
  }

  recent(count: number): ServerEvent[] {
    return this.#events.slice(-count);
  }

  /** Calls back for each later event until the returned function is called. */
  listen(listener: (event: ServerEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
