import type { Base } from '../server/open-cohort.ts';
import type { Store } from '../server/store/store.ts';
import { idOf } from './identities.ts';
import type { DeviceTurn } from './virtual/surroundings.ts';

/**
 * Trainings of an asynchronous run that had begun before the simulation was interrupted: a device that takes one up again is done
 * at the moment at which it would have been.
 */
export class BegunTurns {
  readonly #bases: Map<string, Base>;
  readonly #now: number;

  private constructor(bases: Map<string, Base>, now: number) {
    this.#bases = bases;
    this.#now = now;
  }

  /** @param now - virtual ms at which the simulation goes on */
  static async in(store: Pick<Store, 'runs' | 'attempt'>, now: number): Promise<BegunTurns> {
    const [run] = await store.runs();
    const attempt = run === undefined ? null : await store.attempt(run.id);
    return new BegunTurns(new Map(attempt?.bases), now);
  }

  /** What is left of a turn that begins now. A device that dies in it has all of it before it the next time. */
  rest(client: number, round: number, turn: DeviceTurn): DeviceTurn {
    if (this.#bases.size === 0) return turn; // as nearly always: a client's id costs as much as a signature
    const id = idOf(client);
    const base = this.#bases.get(id);
    if (base === undefined || base.round !== round) return turn;
    this.#bases.delete(id);
    const left = (ms: number): number => Math.max(0, ms - (this.#now - base.since));
    return { ...turn, takes: left(turn.takes), diesAfter: turn.diesAfter === null ? null : left(turn.diesAfter) };
  }
}
