import { FederatedError } from '../errors.ts';
import type { RoundContext } from './context.ts';

/** The newest attempt of a run that a client has taken part in. */
export interface LedgerEntry {
  readonly round: number;
  readonly attempt: number;
}

/** Keeps an entry; durable when it returns or resolves. */
export type SaveEntry = (run: string, entry: LedgerEntry) => void | Promise<void>;

/**
 * What a client remembers of the attempts that it has begun, so that it begins none twice: a server that replays an old
 * round would otherwise get a second sum with the same update in it, and the difference to the first. Rounds of a run, and
 * attempts of a round, only ever go up. The device keeps `entries` where it keeps its identity.
 */
export class AttemptLedger {
  readonly #newest: Map<string, LedgerEntry>;
  readonly #save: SaveEntry;

  /**
   * @param entries - as kept from earlier
   * @param save - awaited before anything of the attempt is sent; what it throws stops the attempt
   */
  constructor(entries: Iterable<readonly [string, LedgerEntry]> = [], save: SaveEntry = () => {}) {
    this.#newest = new Map(entries);
    this.#save = save;
  }

  /** @throws FederatedError SECAGG_REPLAY unless the attempt is newer than every earlier one of its run */
  async begin({ run, round, attempt }: Pick<RoundContext, 'run' | 'round' | 'attempt'>): Promise<void> {
    const last = this.#newest.get(run);
    const isNewer = last === undefined || round > last.round || (round === last.round && attempt > last.attempt);
    if (!isNewer) {
      throw new FederatedError(
        'SECAGG_REPLAY',
        `secagg: attempt ${attempt} at round ${round} is not newer than attempt ${last.attempt} at round ${last.round}, ` +
          'which this client has taken part in; refused, a new attempt needs a new number',
      );
    }
    this.#newest.set(run, { round, attempt });
    await this.#save(run, { round, attempt });
  }
}
