import { asFederatedError, FederatedError } from '../../shared/errors.ts';
import type { ClientId } from '../../shared/ids.ts';
import type { SecureMessage, SecureSide } from '../aggregation/secure-side.ts';
import type { Host } from '../host.ts';
import { askedOf, isPending, type AnswerKind, type RoundEvent, type RoundState } from '../round.ts';
import type { AttemptVoice } from './voice.ts';

/** The step that is reached when an answer is asked for: those before it are in. */
const steps = {
  shares: 'adverts-closed',
  report: 'shares-closed',
  consent: 'sum-masked',
  reveal: 'consents-closed',
} as const;

/** Asks the clients of an attempt for the answers of secure aggregation, one kind after the other, and takes them. */
export class SecureAnswers {
  readonly #side: SecureSide;
  readonly #voice: AttemptVoice;
  readonly #onStep: Host['onStep'];
  readonly #state: () => RoundState;
  readonly #dispatch: (event: RoundEvent) => void;
  readonly #spoiled: (id: ClientId) => void;

  constructor(
    side: SecureSide,
    around: {
      readonly voice: AttemptVoice;
      readonly onStep: Host['onStep'];
      readonly state: () => RoundState;
      readonly dispatch: (event: RoundEvent) => void;
      /** This client's secret cannot be put together. */
      readonly spoiled: (id: ClientId) => void;
    },
  ) {
    this.#side = side;
    this.#voice = around.voice;
    this.#onStep = around.onStep;
    this.#state = around.state;
    this.#dispatch = around.dispatch;
    this.#spoiled = around.spoiled;
  }

  /** Closes the step before, and asks everyone who got so far. What cannot go on is given up, with the reason. */
  ask(kind: AnswerKind): void {
    try {
      this.#side.begin(kind);
    } catch (thrown) {
      return this.#giveUp(thrown);
    }
    if (kind !== 'advert') this.#onStep?.(steps[kind]);
    for (const id of this.#state().members.keys()) if (isPending(this.#state(), id)) this.askOne(id, kind);
  }

  askOne(id: ClientId, kind: AnswerKind): void {
    const question = this.#side.question(id, kind);
    if (question === null) this.#dispatch({ type: 'failed', from: id });
    else this.#voice.send(id, { ...question, ...this.#voice.where });
  }

  /** @throws FederatedError when the answer is not wanted or breaks a rule */
  take(id: ClientId, message: SecureMessage): void {
    const { type } = message;
    const { round, attempt } = this.#voice.where;
    if (!this.#voice.isCurrent(id, message)) {
      throw new FederatedError('WRONG_ATTEMPT', `${type}: attempt ${attempt} at round ${round} is in progress`);
    }
    const state = this.#state();
    if (!state.members.has(id)) throw new FederatedError('NOT_SELECTED', `${type}: this client was not selected`);
    if (!isPending(state, id) || askedOf(state) !== type) {
      throw new FederatedError('ROUND_CLOSED', `${type}: it is too late, or too early, for this answer`);
    }
    this.#side.take(id, message);
  }

  async unmask(): Promise<void> {
    try {
      const blamed = await this.#side.unmask(() => new Promise((resolve) => setImmediate(resolve)));
      for (const id of blamed) this.#voice.blamed(id, 'revealed shares that are not those it was dealt');
    } catch (thrown) {
      const { lost } = this.#side;
      if (lost !== null) {
        this.#voice.blamed(lost, 'dealt shares from which its secret cannot be put together');
        this.#spoiled(lost);
      }
      return this.#giveUp(thrown);
    }
    this.#onStep?.('unmasked');
    this.#dispatch({ type: 'unmasked' });
  }

  #giveUp(thrown: unknown): void {
    const { code, message } = asFederatedError(thrown);
    this.#dispatch({ type: 'abort', reason: `${message} [${code}]` });
  }
}
