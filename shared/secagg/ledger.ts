import { FederatedError } from '../errors.ts';
import type { RoundContext } from './context.ts';

/** The newest attempt of a run that a client has taken part in. */
export interface LedgerEntry {
  readonly round: number;
  readonly attempt: number;
  /** The sets of clients (by name) whose sum this client has helped to unmask in this round; each in ascending order. */
  readonly revealed?: readonly (readonly string[])[];
  /** How often this round's update was given up for one that is trained anew. */
  readonly renewed?: number;
}

/** Different sums of one round that a client helps to unmask: of two, both and their difference are over enough clients. */
const maxSums = 2;

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
    await this.#keep(run, last?.round === round ? { ...last, attempt } : { round, attempt });
  }

  /** How often this client has given up its update of a round for one that is trained anew. */
  renewals({ run, round }: Pick<RoundContext, 'run' | 'round'>): number {
    const last = this.#newest.get(run);
    return last?.round === round ? (last.renewed ?? 0) : 0;
  }

  /**
   * After SECAGG_DIFFERENCE: this update goes into no further sum. The next attempt has another one, trained with other draws, to
   * which the sums so far say nothing exact; otherwise a round whose unmasking has failed could wait for a lost client for ever.
   */
  async renew(run: string): Promise<void> {
    const last = this.#newest.get(run);
    if (last === undefined) return;
    const { round, attempt, renewed = 0 } = last;
    await this.#keep(run, { round, attempt, renewed: renewed + 1 });
  }

  /**
   * Whether this client may help to unmask a sum. A second attempt at a round adds up the same updates again, so a server that
   * pretends the first has failed would learn the difference of two sums: the update of the one client that it leaves out. A sum
   * over the same clients is no news; another is allowed once, and only if it differs by enough clients.
   * @param survivors - names of those in the sum, ascending
   * @param minCohort - the least number of clients by which two sums may differ
   * @throws FederatedError SECAGG_DIFFERENCE
   */
  checkSum(run: string, survivors: readonly string[], minCohort: number): void {
    const revealed = this.#newest.get(run)?.revealed ?? [];
    const differences = revealed.map((earlier) => difference(earlier, survivors));
    if (differences.includes(0)) return;
    const least = Math.min(...differences);
    if (revealed.length < maxSums && least >= minCohort) return;
    const why = revealed.length < maxSums ? `differs by ${least} clients from` : `is one more beside the ${maxSums}`;
    throw new FederatedError(
      'SECAGG_DIFFERENCE',
      `secagg: this sum ${why} that this client has helped to unmask in this round, and their difference would tell too ` +
        `much; refused, a sum over the same clients, or one that differs by ${minCohort}, would do`,
    );
  }

  /** Remembers a sum, before anything of it is revealed. @throws FederatedError SECAGG_DIFFERENCE */
  async addSum(run: string, survivors: readonly string[], minCohort: number): Promise<void> {
    this.checkSum(run, survivors, minCohort);
    const last = this.#newest.get(run);
    if (last === undefined) throw new FederatedError('SECAGG_STEP', 'secagg: a sum of an attempt that was never begun');
    const { revealed = [] } = last;
    if (revealed.some((earlier) => difference(earlier, survivors) === 0)) return;
    await this.#keep(run, { ...last, revealed: [...revealed, survivors] });
  }

  async #keep(run: string, entry: LedgerEntry): Promise<void> {
    this.#newest.set(run, entry);
    await this.#save(run, entry);
  }
}

/** Members of exactly one of two sets. */
function difference(a: readonly string[], b: readonly string[]): number {
  const inA = new Set(a);
  const common = b.reduce((count, each) => count + (inA.has(each) ? 1 : 0), 0);
  return a.length + b.length - 2 * common;
}
