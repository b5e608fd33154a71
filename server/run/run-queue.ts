import { asFederatedError } from '../../shared/errors.ts';
import { finalRunStates } from '../../shared/states.ts';
import { isSecure } from '../config.ts';
import type { Host, Population } from '../host.ts';
import type { StoredRun } from '../store/store.ts';
import { ActiveRun } from './active-run.ts';

/** Takes the runs of the store up, one at a time: the next when the one before is over. */
export class RunQueue {
  readonly #host: Host;
  readonly #population: Population;
  readonly #changed: () => void;
  #active: ActiveRun | null = null;
  #activating: Promise<void> = Promise.resolve();
  /** Whether the last try to take a run up has failed: it is tried again. */
  #isBehind = false;
  #closed = false;

  /** @param changed - called when something about the active run has changed */
  constructor(host: Host, population: Population, changed: () => void) {
    this.#host = host;
    this.#population = population;
    this.#changed = changed;
  }

  /** The run in progress, or the last one that was. */
  get active(): ActiveRun | null {
    return this.#active;
  }

  close(): void {
    this.#closed = true;
    this.#active?.close();
  }

  /** Called about once a second. */
  tick(): void {
    this.#active?.attempt?.tick();
    if (this.#isBehind) void this.advanceOrRetry();
  }

  /** Something may be in the store that is not known of. */
  behind(): void {
    this.#isBehind = true;
  }

  /** The active run is gone from the store. */
  removed(): void {
    this.#active = null;
  }

  /** Makes the oldest run that is not over the active one. Calls queue up, so that two never become active. */
  advance(): Promise<void> {
    const attempt = async (): Promise<void> => {
      this.#isBehind = false;
      try {
        await this.#takeNext();
      } catch (thrown) {
        this.#isBehind = true;
        throw thrown;
      }
    };
    this.#activating = this.#activating.then(attempt, attempt);
    return this.#activating;
  }

  /** What the store refuses now it may give a second later. */
  async advanceOrRetry(): Promise<void> {
    await this.advance().catch((thrown: unknown) => {
      const { code, message } = asFederatedError(thrown);
      this.#host.log.error({ code }, `no run can be taken up, which is tried again: ${message}`);
    });
  }

  async #takeNext(): Promise<void> {
    if (this.#closed || (this.#active !== null && !this.#active.isFinal)) return;
    const stored = nextOf(await this.#host.store.runs(), this.#active === null);
    if (stored === undefined) return;
    this.#active?.close();
    const run = await ActiveRun.open(stored, this.#host, this.#population, (changed) => this.#onChange(changed));
    this.#active = run;
    this.#host.metrics.secureAggregation(stored.id, isSecure(stored.config));
    try {
      if (!run.isFinal) await run.start();
    } catch (thrown) {
      run.close(); // not half begun
      this.#active = null;
      throw thrown;
    }
    for (const id of this.#population.ready()) if (!run.isMember(id)) run.clientReady(id);
  }

  #onChange(run: ActiveRun): void {
    if (run !== this.#active) return;
    this.#changed();
    if (run.isFinal) void this.advanceOrRetry();
  }
}

/** @param orLast - the newest one, which is over, when there is no other: its model is what clients get */
function nextOf(runs: readonly StoredRun[], orLast: boolean): StoredRun | undefined {
  const isLeft = ({ state }: StoredRun): boolean => !finalRunStates.includes(state);
  // One that has begun goes on before another begins, whatever the clock said when they were made.
  const begun = runs.find((run) => isLeft(run) && run.state !== 'created');
  return begun ?? runs.find(isLeft) ?? (orLast ? runs.at(-1) : undefined);
}
