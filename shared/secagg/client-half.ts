import { concat, equalBytes, toHex } from '../bytes.ts';
import type { Signer } from '../crypto/identity.ts';
import type { Awaitable, ClientPrimitives, GeneratorName, RandomBytes } from '../crypto/primitives.ts';
import { split } from '../crypto/shamir.ts';
import { asFederatedError, FederatedError } from '../errors.ts';
import type { UpdatePlan } from '../updates/plan.ts';
import {
  checkCohort,
  checkDelivery,
  checkNear,
  checkRoster,
  checkSharing,
  checkSignatures,
  refuse,
  type RosterCheck,
  type Standing,
} from './client-checks.ts';
import { contextHash, type RoundContext } from './context.ts';
import { Graph } from './graph.ts';
import { openParcel, pairMaskKey, sealParcel, seedMaskKey, type SharePair } from './keys.ts';
import type { AttemptLedger } from './ledger.ts';
import { checkStep, lengths, partsOf, serverSteps, type ClientStep, type ServerStep } from './messages.ts';
import { secaggPlanHash, type SecAggPlan } from './plan.ts';
import { checkPolicy, type SecAggPolicy } from './policy.ts';
import { countIn, decodePositions, encodePositions } from './positions.ts';
import { commitmentOf, makeAdvert, sharingStatement, survivorsStatement } from './roster.ts';

/**
 * words + the masks of `plus` - those of `minus`, modulo 2^M, in place, by the plan's generator: `MaskAdder.apply` of
 * ../vector/masking.ts, or many of them in worker threads.
 */
export type ApplyMasks = (
  words: Uint32Array,
  plus: readonly Uint8Array[],
  minus: readonly Uint8Array[],
) => Awaitable<void>;

export interface ClientHalfOptions {
  readonly primitives: ClientPrimitives;
  readonly randomBytes: RandomBytes;
  readonly applyMasks: ApplyMasks;
  /** Those that `applyMasks` has. */
  readonly generators: readonly GeneratorName[];
  readonly identity: Signer;
  readonly isEnrolled: RosterCheck;
  readonly ledger: AttemptLedger;
  readonly policy: SecAggPolicy;
  readonly plan: SecAggPlan;
  readonly update: UpdatePlan;
  /** `model` is the hash of the model that this client was in fact sent. */
  readonly round: Omit<RoundContext, 'plan'>;
}

/** `new advertised shared masked consented revealed`, in this order; from any of them `refused` or `abandoned`. */
export type ClientPhase =
  'new' | 'advertised' | 'shared' | 'masked' | 'consented' | 'revealed' | 'refused' | 'abandoned';

interface Secrets {
  /** s: X25519 */
  readonly mask: Uint8Array;
  /** c: X25519 */
  readonly share: Uint8Array;
  /** b */
  readonly seed: Uint8Array;
}

/**
 * A client's part of one aggregation: five steps, each once and in order. Whatever a check refuses, and whatever comes out of
 * order, ends it for good: every secret is overwritten, and the attempt goes on without this client. See README.md.
 */
export class ClientHalf {
  readonly #options: ClientHalfOptions;
  readonly #context: Uint8Array;
  readonly #held = new Map<number, SharePair>();
  /** X25519 of c with each neighbour's share key, from sealing parcels until theirs are opened: the same either way. */
  readonly #sealing = new Map<number, Uint8Array>();
  #phase: ClientPhase = 'new';
  #busy = false;
  #secrets: Secrets | null = null;
  #advert: Uint8Array = new Uint8Array(0);
  #standing: Standing | null = null;
  /** U2 and then U3, as agreed to. */
  #sharers: ReadonlySet<number> = new Set();
  #survivors: ReadonlySet<number> = new Set();

  /** @throws FederatedError as checkPolicy does: nothing has been sent then */
  constructor(options: ClientHalfOptions) {
    checkPolicy(options.primitives, options.plan, options.policy, options.update, options.generators);
    this.#options = options;
    this.#context = contextHash(options.primitives, {
      ...options.round,
      plan: secaggPlanHash(options.primitives, options.plan),
    });
  }

  get phase(): ClientPhase {
    return this.#phase;
  }

  /** Step 1: fresh keys. @throws FederatedError SECAGG_REPLAY for an attempt that is not newer than all before */
  advertise(): Promise<ClientStep<'advert'>> {
    return this.#step('new', 'advertised', async () => {
      const { primitives, randomBytes, identity, ledger, round } = this.#options;
      await ledger.begin(round);
      const secrets = { mask: randomBytes(32), share: randomBytes(32), seed: randomBytes(32) };
      this.#secrets = secrets;
      this.#advert = await makeAdvert(identity, {
        maskKey: await primitives.agreementPublicKey(secrets.mask),
        shareKey: await primitives.agreementPublicKey(secrets.share),
        commitment: commitmentOf(primitives, secrets.seed, this.#context),
        context: this.#context,
      });
      return { advert: this.#advert };
    });
  }

  /** Step 2: shares of both secrets for everyone who holds them. @throws FederatedError as checkRoster does */
  share(message: ServerStep<'roster'>): Promise<ClientStep<'shares'>> {
    return this.#step('advertised', 'shared', async () => {
      const { primitives, randomBytes, identity, isEnrolled, plan } = this.#options;
      const expected = { plan, context: this.#context, ownAdvert: this.#advert, isEnrolled };
      const { roster, position, shape } = await checkRoster(primitives, message, expected);
      const graph = new Graph(primitives, shape, roster.hash);
      this.#standing = { plan, roster, graph, position };

      const secrets = this.#theSecrets();
      const holders = graph.holders(position);
      const seedShares = split(secrets.seed, holders.length, shape.threshold, randomBytes);
      const keyShares = split(secrets.mask, holders.length, shape.threshold, randomBytes);
      const parcels: Uint8Array[] = [];
      try {
        for (const [i, holder] of holders.entries()) {
          const pair = { seed: seedShares[i]!, key: keyShares[i]! };
          if (holder === position) {
            this.#held.set(position, { seed: new Uint8Array(pair.seed), key: new Uint8Array(pair.key) });
            continue;
          }
          const shared = await this.#agree(secrets.share, holder, 'shareKey');
          this.#sealing.set(holder, shared.slice());
          parcels.push(sealParcel(primitives, shared, { rosterHash: roster.hash, from: position, to: holder }, pair));
        }
      } finally {
        for (const share of [...seedShares, ...keyShares]) share.fill(0);
      }
      return { signature: await identity.sign(sharingStatement(roster.hash)), parcels: concat(...parcels) };
    });
  }

  /**
   * Step 3: masks the vector in place, which is then to be sent. A neighbour's parcel that does not open, or has other shares
   * than this client's, costs that neighbour a holder, and nobody else anything.
   * @param words - length `plan.words`, each below 2^M
   * @throws FederatedError as checkDelivery and checkSharing do
   */
  mask(message: ServerStep<'delivery'>, words: Uint32Array): Promise<void> {
    return this.#step('shared', 'masked', async () => {
      const { primitives, plan, applyMasks } = this.#options;
      const standing = this.#theStanding();
      const { roster, position } = standing;
      if (words.length !== plan.words) {
        throw new FederatedError(
          'WRONG_SHAPE',
          `secagg: a vector of the plan has ${plan.words} words, got ${words.length}`,
        );
      }
      const delivery = checkDelivery(message, standing);
      this.#sharers = delivery.sharers;
      const secrets = this.#theSecrets();
      const plus = [seedMaskKey(primitives, secrets.seed, roster.hash)];
      const minus: Uint8Array[] = [];
      const unopened: number[] = [];
      try {
        for (const [from, parcel] of delivery.parcels) {
          const sealing = this.#sealing.get(from)!; // checkDelivery takes parcels of neighbours alone
          const pair = openParcel(primitives, sealing, { rosterHash: roster.hash, from, to: position }, parcel);
          if (pair === null) unopened.push(from);
          else this.#keep(from, pair);
          const masking = await this.#agree(secrets.mask, from, 'maskKey');
          (position < from ? plus : minus).push(pairMaskKey(primitives, masking, roster.hash, position, from));
        }
        await checkSharing(primitives, standing, delivery, unopened);
        await applyMasks(words, plus, minus);
      } finally {
        for (const key of [...plus, ...minus]) key.fill(0);
      }
      this.#wipeSecrets(); // what is left to do takes the others' shares only
    });
  }

  /**
   * Step 4: agrees to one set of survivors.
   * @throws FederatedError SECAGG_MESSAGE, SECAGG_SMALL_COHORT, SECAGG_TOO_FEW; SECAGG_SURVIVORS for a set that leaves this
   *   client out or has someone in it who has not shared, or when it has agreed to one before; SECAGG_DIFFERENCE for a sum
   *   that would tell too much beside an earlier one of this round
   */
  consent(message: ServerStep<'survivors'>): Promise<ClientStep<'consent'>> {
    return this.#step('masked', 'consented', async () => {
      const { identity, plan } = this.#options;
      const standing = this.#theStanding();
      const { survivors: bits } = checkStep('survivors', serverSteps.survivors, message);
      const { adverts, hash } = standing.roster;
      const survivors = decodePositions(bits, adverts.length);
      checkCohort(plan, survivors.size, 'the set of survivors');
      if (!survivors.has(standing.position))
        refuse('SECAGG_SURVIVORS', 'the survivors lack this client, which has sent its vector');
      if (countIn([...survivors], this.#sharers) !== survivors.size) {
        refuse('SECAGG_SURVIVORS', 'among the survivors is a client that has not shared');
      }
      checkNear(standing, survivors, 'have survived');
      const { ledger, policy, round } = this.#options;
      ledger.checkSum(round.run, this.#names(survivors), policy.minCohort);
      this.#survivors = survivors;
      const sharers = encodePositions(this.#sharers, adverts.length);
      return {
        signature: await identity.sign(survivorsStatement(hash, sharers, encodePositions(survivors, adverts.length))),
      };
    });
  }

  /**
   * Step 5: reveals one share of each peer, of the seed of a survivor or of the key of a drop-out, once enough neighbours have
   * signed the same set of survivors.
   * @throws FederatedError SECAGG_MESSAGE, SECAGG_BOTH_SHARES, SECAGG_SURVIVORS, SECAGG_TOO_FEW; SECAGG_REVEALED when asked again
   */
  reveal(message: ServerStep<'unmask'>): Promise<ClientStep<'reveal'>> {
    return this.#step('consented', 'revealed', async () => {
      await this.#checkUnmask(message);
      const { ledger, policy, round } = this.#options;
      await ledger.addSum(round.run, this.#names(this.#survivors), policy.minCohort);
      const clients = this.#theStanding().roster.adverts.length;
      const survived = [...this.#held].filter(([dealer]) => this.#survivors.has(dealer)).sort(([a], [b]) => a - b);
      const dropped = [...this.#held].filter(([dealer]) => !this.#survivors.has(dealer)).sort(([a], [b]) => a - b);
      const positionsOf = (held: typeof survived): Uint8Array =>
        encodePositions(
          held.map(([dealer]) => dealer),
          clients,
        );
      const reply = {
        seedsOf: positionsOf(survived),
        seedShares: concat(...survived.map(([, pair]) => pair.seed)),
        keysOf: positionsOf(dropped),
        keyShares: concat(...dropped.map(([, pair]) => pair.key)),
      };
      this.#wipe();
      return reply;
    });
  }

  /** Ends this client's part, for a reason of its own or because the server has given the attempt up. */
  abandon(): void {
    if (this.#phase !== 'revealed') this.#end('abandoned');
  }

  /** Of clients by position, as the ledger has them: the first 16 bytes of the identity in hex. */
  #names(positions: ReadonlySet<number>): string[] {
    const { adverts } = this.#theStanding().roster;
    return [...positions].sort((a, b) => a - b).map((each) => toHex(adverts[each]!.identity.subarray(0, 16)));
  }

  async #checkUnmask(message: ServerStep<'unmask'>): Promise<void> {
    const standing = this.#theStanding();
    const { roster, graph, position } = standing;
    const clients = roster.adverts.length;
    const request = checkStep('unmask', serverSteps.unmask, message);
    const survivors = decodePositions(request.survivors, clients);
    for (const each of decodePositions(request.dropped, clients)) {
      if (survivors.has(each)) refuse('SECAGG_BOTH_SHARES', `the server asks for both secrets of client ${each}`);
    }
    const dropped = [...this.#sharers].filter((each) => !this.#survivors.has(each));
    const isAgreed =
      equalBytes(request.survivors, encodePositions(this.#survivors, clients)) &&
      equalBytes(request.dropped, encodePositions(dropped, clients));
    if (!isAgreed)
      refuse('SECAGG_SURVIVORS', 'the server asks by another set of survivors than this client has agreed to');
    const signers = decodePositions(request.signers, clients);
    for (const each of signers) {
      if (this.#survivors.has(each) && graph.areNeighbours(each, position)) continue;
      refuse('SECAGG_GRAPH', `signatures of client ${each}, which is no surviving neighbour, say nothing`);
    }
    const signatures = partsOf('signatures', request.signatures, lengths.signature, signers);
    await checkSignatures(this.#options.primitives, standing, signatures, {
      statement: survivorsStatement(roster.hash, encodePositions(this.#sharers, clients), request.survivors),
      fault: { code: 'SECAGG_SURVIVORS', text: 'has not signed the set of survivors that this client has' },
    });
    checkNear(standing, new Set([...signers, position]), 'have signed the set of survivors');
  }

  /** Keeps a dealer's shares if they are this client's by their x: the server would refuse to take any others from it. */
  #keep(dealer: number, pair: SharePair): void {
    const { graph, position } = this.#theStanding();
    const x = graph.xOf(dealer, position);
    if ([pair.seed, pair.key].every((share) => share[lengths.share - 1] === x)) this.#held.set(dealer, pair);
  }

  /** X25519 with a peer. A key that is none is the peer's fault, and was signed by it. */
  async #agree(secret: Uint8Array, peer: number, key: 'maskKey' | 'shareKey'): Promise<Uint8Array> {
    try {
      return await this.#options.primitives.agree(secret, this.#theStanding().roster.adverts[peer]![key]);
    } catch (cause) {
      throw new FederatedError('SECAGG_BAD_ADVERT', `secagg: a key of client ${peer} is of low order; refused`, {
        cause,
      });
    }
  }

  /** Runs a step if it is its turn. The phase moves on before anything that the step returns can be sent. */
  async #step<T>(from: ClientPhase, to: ClientPhase, work: () => Awaitable<T>): Promise<T> {
    if (this.#phase !== from || this.#busy) throw this.#outOfTurn(from);
    this.#busy = true;
    try {
      const result = await work();
      if (this.#phase !== from) throw this.#outOfTurn(from); // ended while it worked
      this.#phase = to;
      return result;
    } catch (thrown) {
      this.#end('refused');
      throw asFederatedError(thrown);
    } finally {
      this.#busy = false;
    }
  }

  #outOfTurn(wanted: ClientPhase): FederatedError {
    const phase = this.#phase;
    if (phase === 'revealed' && wanted === 'consented') {
      return new FederatedError(
        'SECAGG_REVEALED',
        'secagg: this client has revealed its shares, and does so once; refused',
      );
    }
    this.#end('refused');
    if (wanted === 'masked' && (phase === 'consented' || phase === 'revealed')) {
      const text = 'secagg: this client has agreed to a set of survivors, and does so once in a round attempt; refused';
      return new FederatedError('SECAGG_SURVIVORS', text);
    }
    const text = `secagg: a step for a client that is ${wanted} came to one that is ${phase}; refused`;
    return new FederatedError('SECAGG_STEP', text);
  }

  #theSecrets(): Secrets {
    if (this.#secrets !== null) return this.#secrets;
    throw new FederatedError('SECAGG_STEP', 'secagg: the secrets of this attempt are wiped; begin a new one');
  }

  #theStanding(): Standing {
    if (this.#standing !== null) return this.#standing;
    throw new FederatedError('SECAGG_STEP', 'secagg: this client has no roster yet, or its part has ended');
  }

  #end(phase: 'refused' | 'abandoned'): void {
    if (this.#phase !== 'revealed' && this.#phase !== 'abandoned') this.#phase = phase;
    this.#wipe();
  }

  #wipeSecrets(): void {
    for (const secret of Object.values(this.#secrets ?? {}) as Uint8Array[]) secret.fill(0);
    this.#secrets = null;
    for (const shared of this.#sealing.values()) shared.fill(0);
    this.#sealing.clear();
  }

  #wipe(): void {
    this.#wipeSecrets();
    for (const { seed, key } of this.#held.values()) {
      seed.fill(0);
      key.fill(0);
    }
    this.#held.clear();
  }
}
