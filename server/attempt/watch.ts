import type { ClientId } from '../../shared/ids.ts';
import type { RoundPhase } from '../../shared/states.ts';
import type { ClientInRound } from '../operations.ts';
import { hasGiven, type RoundState } from '../round.ts';

/** Times in ms since 1970. */
interface Seen {
  sentAt: number | null;
  modelAt: number | null;
  offeredAt: number | null;
  countedAt: number | null;
  bytes: number;
  examples: number | null;
  norm: number | null;
  accuracy: number | null;
  loss: number | null;
  backend: string;
}

const nothing: Seen = {
  sentAt: null,
  modelAt: null,
  offeredAt: null,
  countedAt: null,
  bytes: 0,
  examples: null,
  norm: null,
  accuracy: null,
  loss: null,
  backend: '',
};

const finite = (value: unknown): number | null => (typeof value === 'number' && Number.isFinite(value) ? value : null);

/** What an operator may see of each client of an attempt: when it did what, and of a report in clear its figures. */
export class AttemptWatch {
  /** When each phase began. */
  readonly phases: Partial<Record<RoundPhase, number>> = {};
  readonly #now: () => number;
  readonly #seen = new Map<ClientId, Seen>();

  constructor(now: () => number) {
    this.#now = now;
  }

  phase(phase: RoundPhase): void {
    this.phases[phase] ??= this.#now();
  }

  /** The client has the word to train, the model, or an update to send: the first time counts. */
  reached(id: ClientId, step: 'sentAt' | 'modelAt' | 'offeredAt'): void {
    this.#of(id)[step] ??= this.#now();
  }

  bytes(id: ClientId, count: number): void {
    this.#of(id).bytes += count;
  }

  /** The client's update counts. @param seen - as the aggregation gives it: empty when masked */
  counted(id: ClientId, examples: number | null, backend: string, seen: Readonly<Record<string, unknown>>): void {
    const metrics = (seen['metrics'] ?? {}) as Readonly<Record<string, unknown>>;
    Object.assign(this.#of(id), {
      countedAt: this.#now(),
      examples,
      backend,
      norm: finite(seen['norm']),
      accuracy: finite(metrics['accuracy']),
      loss: finite(metrics['loss']),
    });
  }

  /** Everyone of the cohort, in order of selection. */
  clients(state: RoundState): ClientInRound[] {
    return [...state.members].map(([id, member]) => {
      const seen = this.#seen.get(id) ?? nothing;
      return { id, state: hasGiven(state, member, 'report') ? 'reported' : member.state, ...seen };
    });
  }

  #of(id: ClientId): Seen {
    let seen = this.#seen.get(id);
    if (seen === undefined) this.#seen.set(id, (seen = { ...nothing }));
    return seen;
  }
}
