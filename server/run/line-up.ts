import type { ClientId } from '../../shared/ids.ts';
import type { RoundRecord } from '../../shared/round-log.ts';
import { openCohort, type Base, type Bases } from '../open-cohort.ts';
import { select } from '../selection.ts';
import type { StoredAttempt, StoredRun } from '../store/store.ts';
import type { Strategy } from '../strategies/strategy.ts';
import { bufferOf } from '../strategies/table.ts';

/** Whom an attempt begins with. */
export interface Opening {
  /** Counts from 1 at each round. */
  readonly attempt: number;
  readonly cohort: readonly ClientId[];
  readonly wanted: number;
  readonly bases: Bases;
}

/** Who comes into the next attempt at a round, from what one process, or the attempt before, hands to the next. */
export class LineUp {
  /** Attempts at the present round so far. */
  #attempts: number;
  /** Clients that have spoiled an attempt at it: it is tried again without them. */
  readonly #spoilers = new Set<ClientId>();
  /** The attempt that an earlier process has left unfinished: the next one goes on with its cohort. */
  #left: StoredAttempt | null = null;
  /** In an asynchronous run, between two attempts: who goes on with what it has begun, or gives it again. */
  #carried = new Map<ClientId, Base>();

  /** @param last - the newest record of the run's log */
  constructor(last: RoundRecord | undefined) {
    this.#attempts = last?.result === 'abandoned' ? last.attempt : 0;
  }

  get attempts(): number {
    return this.#attempts;
  }

  /**
   * Goes on with an attempt of an earlier process.
   * @param isNew - it gets a number of its own: the keys and masks of a secure one went with the process that had it
   */
  goOnWith(left: StoredAttempt, isNew: boolean): void {
    this.#attempts = left.attempt + (isNew ? 1 : 0);
    this.#left = left;
  }

  carry(bases: Iterable<readonly [ClientId, Base]>): void {
    this.#carried = new Map(bases);
  }

  /** Whether this client will be a member again, with what it has begun: between two attempts, or of the one that was left. */
  isAwaited(id: ClientId): boolean {
    return this.#carried.has(id) || this.#left?.cohort.includes(id) === true;
  }

  left(id: ClientId): void {
    this.#carried.delete(id);
  }

  spoiled(id: ClientId): void {
    this.#spoilers.add(id);
  }

  trusted(ready: readonly ClientId[]): ClientId[] {
    return ready.filter((id) => !this.#spoilers.has(id));
  }

  /** The round is durable: the next begins without a past. */
  roundOver(): void {
    this.#attempts = 0;
    this.#spoilers.clear();
  }

  /** The cohort of the attempt that was left. */
  takeLeft(): Opening | null {
    if (this.#left === null) return null;
    const { cohort, wanted, bases } = this.#left;
    this.#left = null;
    this.#carried.clear();
    return { attempt: this.#attempts, cohort, wanted, bases: new Map(bases) };
  }

  /**
   * The cohort of a new attempt.
   * @param round - that it is at
   * @param ready - clients that are able to train
   * @returns null while there are too few
   */
  next({ id: run, config }: StoredRun, round: number, strategy: Strategy, ready: readonly ClientId[]): Opening | null {
    const attempt = this.#attempts + 1;
    const where = { run, round, attempt };
    const trusted = this.trusted(ready);
    const buffer = bufferOf(strategy);
    const selection =
      buffer === undefined ? select(config, where, trusted) : openCohort(config, buffer, where, trusted, this.#carried);
    if (selection === null) return null;
    this.#attempts = attempt;
    const bases = this.#carried;
    this.#carried = new Map();
    return { attempt, ...selection, bases };
  }
}
