import type { EventLog } from '../server/event-log.ts';
import type { StoredRound } from '../server/store/store.ts';

/**
 * Which try at a round an attempt is: one more than were abandoned. An attempt's own number says it too, until a run is interrupted:
 * under secure aggregation, whose keys name it, the attempt that is made again has another.
 */
export class Tries {
  readonly #abandoned = new Map<number, number>();

  constructor(stored: readonly StoredRound[]) {
    for (const { record } of stored) if (record.result === 'abandoned') this.#count(record.round);
  }

  follow(events: Pick<EventLog, 'listen'>): void {
    events.listen(({ type, data: { round, result } }) => {
      if (type === 'round' && result === 'abandoned') this.#count(round as number);
    });
  }

  of(round: number): number {
    return 1 + (this.#abandoned.get(round) ?? 0);
  }

  #count(round: number): void {
    this.#abandoned.set(round, (this.#abandoned.get(round) ?? 0) + 1);
  }
}
