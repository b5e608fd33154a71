import { fromHex } from '../../shared/bytes.ts';
import type { ClientId } from '../../shared/ids.ts';
import type { MessageOf, ServerMessage } from '../../shared/protocol/messages.ts';
import type { WaitReason } from '../../shared/states.ts';
import type { SecureMessage } from '../aggregation/secure-side.ts';
import type { Host, Population } from '../host.ts';
import type { Report } from '../uploads/uploads.ts';
import type { Attempts } from './attempts.ts';
import type { LineUp } from './line-up.ts';
import type { RunStatus } from './run-status.ts';

/** What a run says to clients that are in no attempt: why they wait, that nothing is taken now, that the run is over. */
export class IdleClients {
  readonly #population: Population;
  readonly #metrics: Host['metrics'];
  readonly #status: RunStatus;
  readonly #lineUp: LineUp;
  readonly #attempts: Attempts;

  constructor(run: {
    readonly population: Population;
    readonly metrics: Host['metrics'];
    readonly status: RunStatus;
    readonly lineUp: LineUp;
    readonly attempts: Attempts;
  }) {
    this.#population = run.population;
    this.#metrics = run.metrics;
    this.#status = run.status;
    this.#lineUp = run.lineUp;
    this.#attempts = run.attempts;
  }

  /** What a client that cannot train now should hear. */
  reasonFor(id: ClientId): WaitReason {
    const { state, isFinal } = this.#status;
    if (state === 'paused' || state === 'pausing') return 'server-paused';
    if (isFinal || state === 'stopping') return 'run-finished';
    if (this.#attempts.current === null) return 'not-enough-clients';
    return this.#attempts.current.isMember(id) ? 'round-in-progress' : 'not-selected';
  }

  /** Tells a client why it waits, if it does. */
  wait(id: ClientId): void {
    if (this.#attempts.current?.isMember(id) === true) return;
    const { stored, nextRound: round, isTakenUp } = this.#status;
    // A client that hears of no run keeps what it has begun for it, since it will be a member again.
    const isKept = !isTakenUp || this.#lineUp.isAwaited(id);
    const about = isKept ? {} : { run: stored.id, round };
    this.#population.send(id, { type: 'wait', reason: this.reasonFor(id), ...about });
  }

  allWait(): void {
    for (const id of this.#population.ready()) this.wait(id);
  }

  /** Between two attempts nothing is taken. */
  refuse(id: ClientId, { type, run, round, attempt }: Report | SecureMessage): void {
    if (this.#lineUp.isAwaited(id)) return; // asked for once more when it is a member again
    const code = round < this.#status.nextRound ? 'STALE_ROUND' : 'ROUND_CLOSED';
    this.#metrics.refused(code);
    const message = `${type}: no round is in progress`;
    this.#population.send(id, { type: 'refused', run, round, attempt, code, message });
  }

  /** What clients hear when the run is over. */
  farewell(): MessageOf<ServerMessage, 'finished'> {
    const { id, state, round, weights, task } = this.#status.stored;
    const { weightsBytes, taskBytes } = this.#attempts;
    return {
      type: 'finished',
      run: id,
      state: state === 'stopped' || state === 'failed' ? state : 'finished',
      rounds: round,
      weights: fromHex(weights),
      weightsBytes,
      task: fromHex(task),
      taskBytes,
    };
  }

  sayFarewell(): void {
    for (const id of this.#population.everyone()) this.#population.send(id, this.farewell());
  }
}
