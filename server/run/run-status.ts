import { FederatedError } from '../../shared/errors.ts';
import type { Sha256 } from '../../shared/ids.ts';
import { finalRunStates, type RunState } from '../../shared/states.ts';
import type { Store, StoredRun } from '../store/store.ts';

/**
 * A run as the store has it, and how its state changes: what ends or wakes the run is durable before it is in force; what holds
 * it is in force at once.
 */
export class RunStatus {
  #stored: StoredRun;
  #isTakenUp = false;
  /** The end of the run is being stored. */
  #isEnding = false;
  readonly #store: Pick<Store, 'setRunState'>;
  readonly #changed: (state: RunState, reason: string | null) => void;

  /** @param changed - called when another state is in force */
  constructor(
    stored: StoredRun,
    store: Pick<Store, 'setRunState'>,
    changed: (state: RunState, reason: string | null) => void,
  ) {
    this.#stored = stored;
    this.#store = store;
    this.#changed = changed;
  }

  get stored(): StoredRun {
    return this.#stored;
  }

  get state(): RunState {
    return this.#stored.state;
  }

  /** The round that is in progress or comes next. */
  get nextRound(): number {
    return this.#stored.round + 1;
  }

  /** Whether the run goes on in this process: before, clients that are ready begin nothing. */
  get isTakenUp(): boolean {
    return this.#isTakenUp;
  }

  takeUp(): void {
    this.#isTakenUp = true;
  }

  get isFinal(): boolean {
    return finalRunStates.includes(this.#stored.state);
  }

  /** Whether the run is over, or the end of it is being stored. */
  get isOver(): boolean {
    return this.isFinal || this.#isEnding;
  }

  /** @throws FederatedError BAD_STATE */
  expect(action: string, states: readonly RunState[]): void {
    if (states.includes(this.#stored.state) && !this.#isEnding) return;
    throw new FederatedError('BAD_STATE', `cannot ${action} run ${this.#stored.id}: it is ${this.#stored.state}`);
  }

  async set(state: RunState, reason: string | null = null): Promise<void> {
    if (this.#stored.state === state && this.#stored.reason === reason) return;
    const before = this.#stored;
    const isEnd = finalRunStates.includes(state);
    const comesFirst = isEnd || state === 'waiting' || state === 'running';
    if (isEnd) this.#isEnding = true;
    if (!comesFirst) this.#stored = { ...before, state, reason };
    try {
      await this.#store.setRunState(before.id, state, reason);
    } catch (thrown) {
      if (!comesFirst && this.#stored.state === state) {
        this.#stored = { ...this.#stored, state: before.state, reason: before.reason };
      }
      throw thrown;
    } finally {
      if (isEnd) this.#isEnding = false;
    }
    if (comesFirst) {
      if (this.#stored.state !== before.state && !isEnd) return; // overtaken
      this.#stored = { ...this.#stored, state, reason };
    }
    this.#changed(state, reason);
  }

  /** Pauses the run whether or not that can be stored. */
  pauseAtOnce(reason: string): Promise<void> {
    this.#stored = { ...this.#stored, state: 'paused', reason };
    this.#changed('paused', reason);
    return this.#store.setRunState(this.#stored.id, 'paused', reason);
  }

  /** A round is committed. */
  committed(round: number, model: { readonly weights: Sha256; readonly strategyState: Sha256 | null }): void {
    this.#stored = { ...this.#stored, round, ...model };
  }

  /** Takes over where the store says that the run is; its state stays the one that is in force. */
  readAgain(stored: StoredRun): void {
    this.#stored = { ...stored, state: this.#stored.state, reason: this.#stored.reason };
  }
}
