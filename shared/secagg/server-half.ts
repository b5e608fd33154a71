import { concat, equalBytes, toHex } from '../bytes.ts';
import type { Primitives } from '../crypto/primitives.ts';
import { FederatedError } from '../errors.ts';
import { addWords } from '../vector/words.ts';
import { AdvertBook } from './advert-book.ts';
import { contextHash, type RoundContext } from './context.ts';
import { Graph, shapeOf } from './graph.ts';
import { pairMaskKey, seedMaskKey } from './keys.ts';
import { checkStep, clientSteps, lengths, partsOf, type ClientStep, type ServerStep } from './messages.ts';
import { secaggPlanHash, type SecAggPlan } from './plan.ts';
import { countIn, encodePositions } from './positions.ts';
import { refuse } from './refuse.ts';
import { RevealedShares } from './revealed-shares.ts';
import { commitmentOf, readRoster, sharingStatement, survivorsStatement, type Roster } from './roster.ts';

export type ServerPrimitives = Pick<Primitives, 'sha256' | 'hkdf' | 'verify' | 'agree' | 'agreementPublicKey'>;

export interface ServerHalfOptions {
  readonly primitives: ServerPrimitives;
  readonly plan: SecAggPlan;
  readonly round: Omit<RoundContext, 'plan'>;
  /** Length `plan.words`, all zero: the masked vectors are added here, and the masks are to be taken off here. */
  readonly sum: Uint32Array;
}

/** The step whose messages are taken; `unmasking`, `done` and `failed` take none. */
export type ServerPhase =
  'advertising' | 'sharing' | 'masking' | 'consenting' | 'revealing' | 'unmasking' | 'done' | 'failed';

/** What is left on the sum: it is right after `sum + masks of plus - masks of minus` modulo 2^M. */
export interface Unmasking {
  readonly plus: readonly Uint8Array[];
  readonly minus: readonly Uint8Array[];
  /** Positions of clients that have revealed a share which is not the one that was dealt, or that was never dealt right. */
  readonly blamed: readonly number[];
}

/**
 * The server's part of one aggregation. Messages of a step come in any order; `close...` ends the step with those who have
 * sent theirs, and gives what to send next. A message that breaks a rule is refused and changes nothing; a step that ends
 * with too few ends the attempt, and nothing has been revealed then. It holds masked vectors as their sum only, and of secrets
 * no more than it needs: seeds of those in the sum, mask keys of those who dropped out. Memory O(d) + O(n k).
 */
export class ServerHalf {
  readonly #options: ServerHalfOptions;
  readonly #context: Uint8Array;
  readonly #adverts: AdvertBook;
  #phase: ServerPhase = 'advertising';
  #roster: Roster | null = null;
  #graph: Graph | null = null;
  readonly #positions = new Map<string, number>();
  /** By position: whom each shares with, in the order of its parcels. */
  #neighbours: readonly (readonly number[])[] = [];
  readonly #shared = new Map<number, ClientStep<'shares'>>();
  readonly #masked = new Set<number>();
  readonly #consents = new Map<number, Uint8Array>();
  #revealed: RevealedShares | null = null;

  constructor(options: ServerHalfOptions) {
    const { plan, sum, round } = options;
    if (sum.length !== plan.words) {
      throw new FederatedError('WRONG_SHAPE', `secagg: a sum of the plan has ${plan.words} words, got ${sum.length}`);
    }
    this.#options = options;
    this.#context = contextHash(options.primitives, { ...round, plan: secaggPlanHash(options.primitives, plan) });
    this.#adverts = new AdvertBook(options.primitives, this.#context, plan.maxCohort);
  }

  get phase(): ServerPhase {
    return this.#phase;
  }

  /** Clients on the roster, 0 before there is one. */
  get clients(): number {
    return this.#roster?.adverts.length ?? 0;
  }

  /** Clients whose vectors are in the sum, by position. */
  get survivors(): ReadonlySet<number> {
    return this.#masked;
  }

  /**
   * After `unmask` has failed: the client whose secret could not be put together although enough of its holders have revealed.
   * Either it has dealt wrong shares, or more of its holders lie than the threshold bears; the next attempt may go without it.
   */
  get lost(): number | undefined {
    return this.#revealed?.lost;
  }

  /** @param identity - Ed25519 public key. @returns undefined for one that is not on the roster */
  positionOf(identity: Uint8Array): number | undefined {
    return this.#positions.get(toHex(identity));
  }

  identityAt(position: number): Uint8Array {
    return this.#theRoster().adverts[position]!.identity;
  }

  // 1. Adverts.

  /**
   * @param identity - of the session that it came by: nobody advertises for another
   * @returns false when this very advert is there already
   * @throws FederatedError SECAGG_MESSAGE, SECAGG_STEP, SECAGG_BAD_ADVERT, SECAGG_CONTEXT, SECAGG_REUSED_ADVERT; SECAGG_ROSTER
   *   when the roster is full
   */
  advert(identity: Uint8Array, message: ClientStep<'advert'>): boolean {
    this.#expect('advertising');
    return this.#adverts.take(identity, message);
  }

  /** Fixes the roster. @throws FederatedError SECAGG_SMALL_COHORT, SECAGG_WEAK_GRAPH */
  closeAdverts(): ServerStep<'roster'> {
    return this.#close('advertising', 'sharing', () => {
      const { primitives, plan } = this.#options;
      this.#checkCohort(this.#adverts.size, 'have advertised their keys');
      const shape = shapeOf(plan, this.#adverts.size);
      const adverts = this.#adverts.close();
      const roster = readRoster(primitives, this.#context, adverts);
      const graph = new Graph(primitives, shape, roster.hash);
      this.#roster = roster;
      this.#graph = graph;
      for (const [position, { identity }] of roster.adverts.entries()) this.#positions.set(toHex(identity), position);
      this.#neighbours = roster.adverts.map((_, position) => graph.neighbours(position));
      return { adverts, degree: shape.degree, threshold: shape.threshold };
    });
  }

  // 2. Shares.

  /** @returns false when this client has shared already. @throws FederatedError SECAGG_MESSAGE, SECAGG_STEP, SECAGG_ROSTER */
  shares(position: number, message: ClientStep<'shares'>): boolean {
    this.#expect('sharing');
    if (this.#shared.has(position)) return false;
    const { signature, parcels } = checkStep('shares', clientSteps.shares, message);
    partsOf('shares', parcels, lengths.parcel, this.#neighboursOf(position));
    const statement = sharingStatement(this.#theRoster().hash);
    if (!this.#options.primitives.verify(this.identityAt(position), statement, signature)) {
      refuse('SECAGG_ROSTER', 'the shares are not signed for the roster of this attempt');
    }
    this.#shared.set(position, { signature: new Uint8Array(signature), parcels: new Uint8Array(parcels) });
    return true;
  }

  /** Ends the step; `deliveryFor` then has a message for each who has shared. @throws FederatedError SECAGG_SMALL_COHORT, SECAGG_TOO_FEW */
  closeShares(): void {
    this.#close('sharing', 'masking', () => {
      const sharers = new Set(this.#shared.keys());
      this.#checkCohort(sharers.size, 'have shared');
      for (const position of sharers) this.#checkHolders(position, sharers, 'have shared');
    });
  }

  /**
   * What a client that has shared is to know before it masks: 146 bytes for each neighbour that has shared.
   * @throws FederatedError SECAGG_STEP before the step and after it, when the parcels are overwritten
   */
  deliveryFor(position: number): ServerStep<'delivery'> {
    this.#expect('masking');
    const from = this.#neighboursOf(position).filter((each) => this.#shared.has(each));
    const sent = from.map((each) => this.#shared.get(each)!);
    const parcelFor = (sender: number, { parcels }: ClientStep<'shares'>): Uint8Array => {
      const place = this.#neighboursOf(sender).indexOf(position);
      return parcels.subarray(place * lengths.parcel, (place + 1) * lengths.parcel);
    };
    return {
      sharers: encodePositions(this.#shared.keys(), this.clients),
      from: encodePositions(from, this.clients),
      parcels: concat(...sent.map((shares, i) => parcelFor(from[i]!, shares))),
      signatures: concat(...sent.map(({ signature }) => signature)),
    };
  }

  // 3. Masked vectors.

  /** Whether a vector of this client would be taken now. */
  takesVectorOf(position: number): boolean {
    return this.#phase === 'masking' && this.#shared.has(position) && !this.#masked.has(position);
  }

  /**
   * Adds a masked vector to the sum.
   * @param words - length `plan.words`; not kept
   * @throws FederatedError SECAGG_STEP after the step has ended (a late vector stays masked: nobody reveals its seed), from a
   *   client that has not shared, or for a second vector; WRONG_SHAPE
   */
  masked(position: number, words: Uint32Array): void {
    this.#expect('masking');
    if (!this.takesVectorOf(position)) refuse('SECAGG_STEP', 'no vector is wanted of this client');
    if (words.length !== this.#options.plan.words) {
      throw new FederatedError('WRONG_SHAPE', `secagg: ${words.length} words, expected ${this.#options.plan.words}`);
    }
    addWords(this.#options.sum, words);
    this.#masked.add(position);
  }

  /** @throws FederatedError SECAGG_SMALL_COHORT, SECAGG_TOO_FEW when some secret could not be put together any more */
  closeMasked(): ServerStep<'survivors'> {
    return this.#close('masking', 'consenting', () => {
      this.#checkCohort(this.#masked.size, 'have sent their vectors');
      for (const position of this.#shared.keys()) this.#checkHolders(position, this.#masked, 'have sent their vectors');
      for (const shares of this.#shared.values()) shares.parcels.fill(0);
      return { survivors: encodePositions(this.#masked, this.clients) };
    });
  }

  // 4. Consents.

  /** @returns false when this client has consented already. @throws FederatedError SECAGG_MESSAGE, SECAGG_STEP, SECAGG_SURVIVORS */
  consent(position: number, message: ClientStep<'consent'>): boolean {
    this.#expect('consenting');
    if (!this.#masked.has(position)) refuse('SECAGG_STEP', 'only those in the sum consent to it');
    if (this.#consents.has(position)) return false;
    const { signature } = checkStep('consent', clientSteps.consent, message);
    if (!this.#options.primitives.verify(this.identityAt(position), this.#statement(), signature)) {
      refuse('SECAGG_SURVIVORS', 'the consent is not signed, or is one to other survivors');
    }
    this.#consents.set(position, new Uint8Array(signature));
    return true;
  }

  /** Ends the step. @returns whom to ask to reveal. @throws FederatedError SECAGG_TOO_FEW */
  closeConsents(): readonly number[] {
    return this.#close('consenting', 'revealing', () => {
      // A client reveals nothing unless enough of its own neighbours have signed what it has signed.
      const consented = new Set(this.#consents.keys());
      const { threshold } = this.#theGraph().shape;
      const asked = [...consented].filter((each) => countIn(this.#theGraph().holders(each), consented) >= threshold);
      for (const position of this.#shared.keys()) this.#checkHolders(position, new Set(asked), 'have consented');
      return asked.sort((a, b) => a - b);
    });
  }

  /** @throws FederatedError SECAGG_STEP before the consents are complete and after the sum is unmasked */
  unmaskFor(position: number): ServerStep<'unmask'> {
    this.#expect('revealing');
    // As many as the client asks for: checking more would cost it time and make nothing safer.
    const { threshold, complete } = this.#theGraph().shape;
    const wanted = complete ? threshold - 1 : threshold; // in a complete graph its own is one of them
    const signers = this.#neighboursOf(position).filter((each) => this.#consents.has(each));
    signers.length = Math.min(signers.length, wanted);
    return {
      survivors: encodePositions(this.#masked, this.clients),
      dropped: encodePositions(this.#dropped(), this.clients),
      signers: encodePositions(signers, this.clients),
      signatures: concat(...signers.map((each) => this.#consents.get(each)!)),
    };
  }

  // 5. Shares of what is to be undone.

  /**
   * @returns false when this client has revealed already
   * @throws FederatedError SECAGG_MESSAGE, SECAGG_STEP; BAD_SHARE for a share of a client that this one holds none of, or with
   *   the x of another holder
   */
  reveal(position: number, message: ClientStep<'reveal'>): boolean {
    this.#expect('revealing');
    if (!this.#consents.has(position)) refuse('SECAGG_STEP', 'only those who have consented reveal');
    const revealed = this.#theRevealed();
    if (revealed.holders.has(position)) return false;
    const checked = checkStep('reveal', clientSteps.reveal, message);
    revealed.add(position, checked, { survivors: this.#masked, dropped: new Set(this.#dropped()) });
    return true;
  }

  /**
   * Puts the secrets together, checks each against what its client has advertised, and gives the keys of the masks that are
   * left on the sum; whoever has applied them overwrites them.
   * @param pause - awaited after each client's part, a millisecond or so of work
   * @throws FederatedError SECAGG_TOO_FEW when a secret cannot be put together: the sum stays masked
   */
  async unmask(pause: () => Promise<void> = async () => {}): Promise<Unmasking> {
    this.#expect('revealing');
    this.#phase = 'unmasking'; // so that what comes during a pause finds the step closed
    const plus: Uint8Array[] = [];
    const minus: Uint8Array[] = [];
    const revealed = this.#theRevealed();
    try {
      const { primitives } = this.#options;
      const { adverts, hash } = this.#theRoster();
      for (const position of this.#masked) {
        const { commitment } = adverts[position]!;
        const isRight = (seed: Uint8Array): boolean =>
          equalBytes(commitmentOf(primitives, seed, this.#context), commitment);
        const seed = revealed.secretOf('seeds', position, isRight);
        minus.push(seedMaskKey(primitives, seed, hash));
        seed.fill(0);
        await pause();
      }
      for (const position of this.#dropped()) {
        const { maskKey } = adverts[position]!;
        const isRight = (secret: Uint8Array): boolean => equalBytes(primitives.agreementPublicKey(secret), maskKey);
        const secret = revealed.secretOf('keys', position, isRight);
        for (const peer of this.#neighboursOf(position)) {
          if (!this.#masked.has(peer)) continue;
          const shared = primitives.agree(secret, adverts[peer]!.maskKey);
          // The peer has added the mask if it is the lower of the two.
          (peer < position ? minus : plus).push(pairMaskKey(primitives, shared, hash, position, peer));
        }
        secret.fill(0);
        await pause();
      }
      this.#expect('unmasking'); // not abandoned meanwhile
      this.#phase = 'done';
      return { plus, minus, blamed: [...revealed.blamed].sort((a, b) => a - b) };
    } catch (thrown) {
      this.#phase = 'failed';
      for (const key of [...plus, ...minus]) key.fill(0);
      throw thrown;
    } finally {
      revealed.wipe();
    }
  }

  /** Ends the attempt: nothing is taken any more, and what was revealed is overwritten. */
  abandon(): void {
    if (this.#phase !== 'done') this.#phase = 'failed';
    this.#revealed?.wipe();
  }

  // Inside.

  /** U2 without U3, ascending. */
  #dropped(): number[] {
    return [...this.#shared.keys()].filter((each) => !this.#masked.has(each)).sort((a, b) => a - b);
  }

  #statement(): Uint8Array {
    const sharers = encodePositions(this.#shared.keys(), this.clients);
    return survivorsStatement(this.#theRoster().hash, sharers, encodePositions(this.#masked, this.clients));
  }

  #neighboursOf(position: number): readonly number[] {
    const neighbours = this.#neighbours[position];
    if (neighbours === undefined) refuse('SECAGG_STEP', `there is no client ${position} on the roster`);
    return neighbours;
  }

  #checkCohort(clients: number, what: string): void {
    const { minCohort } = this.#options.plan;
    if (clients < minCohort) refuse('SECAGG_SMALL_COHORT', `${clients} clients ${what}, at least ${minCohort} needed`);
  }

  /** That enough holders of this client's shares are in the set. */
  #checkHolders(position: number, set: ReadonlySet<number>, what: string): void {
    const { threshold } = this.#theGraph().shape;
    const holders = countIn(this.#theGraph().holders(position), set);
    if (holders >= threshold) return;
    refuse('SECAGG_TOO_FEW', `${holders} holders of the shares of client ${position} ${what}, ${threshold} needed`);
  }

  #expect(phase: ServerPhase): void {
    if (this.#phase === phase) return;
    refuse('SECAGG_STEP', `the attempt is ${this.#phase}, and this belongs to ${phase}`);
  }

  #close<T>(from: ServerPhase, to: ServerPhase, work: () => T): T {
    this.#expect(from);
    try {
      const result = work();
      this.#phase = to;
      return result;
    } catch (thrown) {
      this.abandon();
      throw thrown;
    }
  }

  #theRoster(): Roster {
    if (this.#roster !== null) return this.#roster;
    return refuse('SECAGG_STEP', 'there is no roster yet');
  }

  #theGraph(): Graph {
    if (this.#graph !== null) return this.#graph;
    return refuse('SECAGG_STEP', 'there is no graph yet');
  }

  #theRevealed(): RevealedShares {
    this.#revealed ??= new RevealedShares(this.#theGraph());
    return this.#revealed;
  }
}
