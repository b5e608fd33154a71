import type { ClientId } from '../../shared/ids.ts';
import { bringAgain, carryOn, joining, stalenessOf, type Base, type Bases } from '../open-cohort.ts';
import type { RoundState } from '../round.ts';
import type { Buffer } from '../strategies/strategy.ts';
import type { AttemptPlan } from './plan.ts';

/** The clients of an asynchronous run in one attempt: since when and from which model each is at work, and who comes and goes on. */
export class Turns {
  readonly #plan: AttemptPlan;
  readonly #buffer: Buffer;
  /** ms of the steady clock */
  readonly #startedAt: number;
  /** When clients that began in this attempt were told to, ms of the steady clock. */
  readonly #begun = new Map<ClientId, number>();

  constructor(plan: AttemptPlan, buffer: Buffer, startedAt: number) {
    this.#plan = plan;
    this.#buffer = buffer;
    this.#startedAt = startedAt;
  }

  /** A client is told to train, perhaps once more. @param now - ms of the steady clock. @returns since when it is at it */
  begin(id: ClientId, now: number): number {
    if (!this.#begun.has(id)) this.#begun.set(id, now);
    return this.#plan.bases.get(id)?.since ?? this.#begun.get(id)!;
  }

  /** What the update of a client is multiplied by, as old as it is. */
  scaleOf(id: ClientId): number {
    return this.#buffer.scale(stalenessOf(this.#plan.round, this.#plan.bases.get(id)));
  }

  /** Who joins now. @param others - clients that could */
  joining(state: RoundState, others: readonly ClientId[]): readonly ClientId[] {
    return joining(this.#plan.config, this.#buffer, this.#plan, state, others);
  }

  /** When the reports are in: who goes on with its training in the next round, and who is too far behind. */
  leftAtWork(state: RoundState): { readonly carried: Bases; readonly stale: readonly ClientId[] } {
    const { maxStaleness } = this.#buffer;
    const next = { next: this.#plan.round + 1, maxStaleness };
    return carryOn(state, this.#plan.bases, (id) => this.#ownBase(id), next);
  }

  /**
   * When the attempt comes to nothing: who brings to the next what it has begun or given.
   * @param isThere - whether a client is connected
   * @param now - ms of the steady clock
   */
  broughtAgain(state: RoundState, isThere: (id: ClientId) => boolean, now: number): Bases {
    return bringAgain(state, this.#plan.bases, (id) => this.#ownBase(id), isThere, now);
  }

  /** Why a client whose model is of this round need not go on. */
  tooStale(base: number): string {
    const { round } = this.#plan;
    const { maxStaleness } = this.#buffer;
    return `report: round ${base} is over; its update would be ${round + 1 - base} rounds old, and at most ${maxStaleness} are taken`;
  }

  #ownBase(id: ClientId): Base {
    const { round, attempt, weights } = this.#plan;
    return { round, attempt, weights, since: this.#begun.get(id) ?? this.#startedAt };
  }
}
