import { clientIdOf } from '../../shared/crypto/identity.ts';
import type { Primitives } from '../../shared/crypto/primitives.ts';
import { FederatedError } from '../../shared/errors.ts';
import type { ClientId } from '../../shared/ids.ts';
import type { ClientMessage, MessageOf } from '../../shared/protocol/messages.ts';
import type { RoundContext } from '../../shared/secagg/context.ts';
import { lengths, type ServerStep } from '../../shared/secagg/messages.ts';
import { generatorOf } from '../../shared/secagg/plan.ts';
import { ServerHalf } from '../../shared/secagg/server-half.ts';
import { DecodedSum } from '../../shared/updates/decode.ts';
import type { MaskPool } from '../masking/mask-pool.ts';
import type { AnswerKind } from '../round.ts';
import { maskedCheck, type UpdateCheck } from '../uploads/update-check.ts';
import type { Upload } from '../uploads/uploads.ts';
import type { Added, Aggregation, ClosedSum } from './aggregation.ts';
import type { SecurePlans } from './secure-plans.ts';

export type SecureMessage = MessageOf<ClientMessage, 'advert' | 'shares' | 'consent' | 'reveal'>;

/** Without `type` and the names of the attempt. */
type Body =
  | ({ readonly type: 'roster' } & ServerStep<'roster'>)
  | ({ readonly type: 'delivery' } & ServerStep<'delivery'>)
  | ({ readonly type: 'survivors' } & ServerStep<'survivors'>)
  | ({ readonly type: 'unmask' } & ServerStep<'unmask'>);

/**
 * Secure aggregation in one attempt, in terms of clients and messages: which of them is where on the roster, and what each is
 * to be sent. The protocol itself is `ServerHalf`.
 */
export class SecureSide implements Aggregation {
  readonly encoding = 'masked';
  readonly bytes: number;
  readonly plans: SecurePlans;
  readonly #half: ServerHalf;
  readonly #primitives: Primitives;
  readonly #masks: MaskPool;
  /** In shared memory, so that several threads can take the masks off. */
  readonly #sum: Uint32Array;
  readonly #identities = new Map<ClientId, Uint8Array>();
  #roster: ServerStep<'roster'> | null = null;
  #survivors: ServerStep<'survivors'> | null = null;
  /** Positions of those who are asked to reveal. */
  #asked: ReadonlySet<number> = new Set();
  #closed: ClosedSum | null = null;

  constructor(options: {
    readonly plans: SecurePlans;
    readonly round: Omit<RoundContext, 'plan'>;
    readonly primitives: Primitives;
    readonly masks: MaskPool;
    readonly sum: Uint32Array;
  }) {
    const { plans, round, primitives, sum } = options;
    this.plans = plans;
    this.bytes = plans.bytes;
    this.#primitives = primitives;
    this.#masks = options.masks;
    this.#sum = sum;
    this.#half = new ServerHalf({ primitives, plan: plans.secagg, round, sum });
  }

  /**
   * Takes an answer of a client.
   * @throws FederatedError SECAGG_... or BAD_SHARE: the answer breaks a rule, and its client is out of the attempt
   */
  take(id: ClientId, message: SecureMessage): void {
    switch (message.type) {
      case 'advert': {
        const identity = message.advert.slice(0, lengths.key);
        if (clientIdOf(this.#primitives, identity) !== id) {
          throw new FederatedError(
            'SECAGG_BAD_ADVERT',
            'secagg: the advert is of another client than the one that sent it',
          );
        }
        this.#half.advert(identity, { advert: message.advert });
        this.#identities.set(id, identity);
        return;
      }
      case 'shares':
        this.#half.shares(this.#positionOf(id), { signature: message.signature, parcels: message.parcels });
        return;
      case 'consent':
        this.#half.consent(this.#positionOf(id), { signature: message.signature });
        return;
      case 'reveal': {
        const { seedsOf, seedShares, keysOf, keyShares } = message;
        this.#half.reveal(this.#positionOf(id), { seedsOf, seedShares, keysOf, keyShares });
        return;
      }
      default:
        message satisfies never;
    }
  }

  newCheck(): UpdateCheck {
    return maskedCheck;
  }

  /** Adds a whole masked vector. @throws FederatedError SECAGG_STEP when it comes too late */
  add({ client, bytes }: Upload): Added {
    this.#half.masked(this.#positionOf(client), this.plans.unpack(bytes));
    return { done: null, examples: null, seen: {} };
  }

  /** Ends the step before this kind of answer. @throws FederatedError SECAGG_SMALL_COHORT, SECAGG_TOO_FEW, SECAGG_WEAK_GRAPH */
  begin(kind: AnswerKind): void {
    switch (kind) {
      case 'shares':
        this.#roster = this.#half.closeAdverts();
        return;
      case 'report':
        this.#half.closeShares();
        return;
      case 'consent':
        this.#survivors = this.#half.closeMasked();
        return;
      case 'reveal':
        this.#asked = new Set(this.#half.closeConsents());
        return;
      case 'advert':
        return; // asked for by the word to train
      default:
        kind satisfies never;
    }
  }

  /** What asks a client for an answer; null where nothing would come of asking this one. */
  question(id: ClientId, kind: AnswerKind): Body | null {
    const position = this.#positionOf(id);
    if (kind === 'shares' && this.#roster !== null) return { type: 'roster', ...this.#roster };
    if (kind === 'report') return { type: 'delivery', ...this.#half.deliveryFor(position) };
    if (kind === 'consent' && this.#survivors !== null) return { type: 'survivors', ...this.#survivors };
    if (kind === 'reveal' && this.#asked.has(position)) return { type: 'unmask', ...this.#half.unmaskFor(position) };
    return null;
  }

  /**
   * Takes the masks off the sum and reads it.
   * @param pause - gives other work its turn
   * @returns clients that have revealed wrong shares
   * @throws FederatedError SECAGG_TOO_FEW, BAD_SUM
   */
  async unmask(pause: () => Promise<void>): Promise<ClientId[]> {
    const { plus, minus, blamed } = await this.#half.unmask(pause);
    try {
      const { secagg } = this.plans;
      await this.#masks.apply(this.#sum, secagg.modulusBits, plus, minus, generatorOf(secagg));
    } finally {
      for (const key of [...plus, ...minus]) key.fill(0);
    }
    const sum = new DecodedSum(this.plans.update, this.#sum, this.#half.survivors.size);
    const { length, reports, weight, examples } = sum;
    this.#closed = {
      length,
      reports,
      weight,
      examples,
      mean: (index) => sum.mean(index),
      namedMean: (name) => sum.namedMean(name),
      metricMeans: () =>
        Object.fromEntries(Object.entries(sum.metricMeans()).map(([name, mean]) => [`train/${name}`, mean])),
    };
    return blamed.map((position) => clientIdOf(this.#primitives, this.#half.identityAt(position)));
  }

  /** The client whose secret could not be put together from its shares, if that was it. */
  get lost(): ClientId | null {
    const { lost } = this.#half;
    return lost === undefined ? null : clientIdOf(this.#primitives, this.#half.identityAt(lost));
  }

  /** The sum in clear. */
  async close(): Promise<ClosedSum> {
    if (this.#closed !== null) return this.#closed;
    throw new FederatedError('INTERNAL', 'secagg: the sum is still masked');
  }

  /** Gives the attempt up: what is masked stays so. */
  async abandon(): Promise<void> {
    this.#half.abandon();
  }

  /** @throws FederatedError SECAGG_STEP for a client that is not on the roster */
  #positionOf(id: ClientId): number {
    const identity = this.#identities.get(id);
    const position = identity === undefined ? undefined : this.#half.positionOf(identity);
    if (position !== undefined) return position;
    throw new FederatedError('SECAGG_STEP', 'secagg: this client is not on the roster of this attempt');
  }
}
