import type { Graph } from './graph.ts';
import { lengths, partsOf, type ClientStep } from './messages.ts';
import { countIn, decodePositions } from './positions.ts';
import { reconstruct, type RevealedShare } from './reconstruct.ts';
import { refuse } from './refuse.ts';

/** Seeds of those whose vectors are in the sum, mask keys of those who dropped out. */
export type SecretKind = 'seeds' | 'keys';

const nameOf: Record<SecretKind, string> = { seeds: 'seed', keys: 'mask key' };

/** What the clients have revealed to the server, until it is put together. All by position on the roster. */
export class RevealedShares {
  /** Who has revealed. */
  readonly holders = new Set<number>();
  /** Who has revealed a share that does not fit the others. */
  readonly blamed = new Set<number>();
  /** Whose secret could not be put together although enough of its holders have revealed. */
  lost: number | undefined;
  readonly #graph: Graph;
  /** By dealer. */
  readonly #shares: Record<SecretKind, Map<number, RevealedShare[]>> = { seeds: new Map(), keys: new Map() };

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  /**
   * Takes the shares in a holder's message, each checked for being its to reveal.
   * @throws FederatedError SECAGG_MESSAGE; BAD_SHARE for a share that it was not dealt, or that is of no use; nothing is kept then
   */
  add(
    holder: number,
    message: ClientStep<'reveal'>,
    { survivors, dropped }: { readonly survivors: ReadonlySet<number>; readonly dropped: ReadonlySet<number> },
  ): void {
    const seeds = this.#sharesIn(holder, message.seedsOf, message.seedShares, survivors);
    const keys = this.#sharesIn(holder, message.keysOf, message.keyShares, dropped);
    this.holders.add(holder);
    for (const [kind, found] of [['seeds', seeds] as const, ['keys', keys] as const]) {
      for (const [dealer, share] of found) {
        const list = this.#shares[kind].get(dealer) ?? [];
        list.push({ holder, share: new Uint8Array(share) });
        this.#shares[kind].set(dealer, list);
      }
    }
  }

  /**
   * Puts a dealer's secret together.
   * @param isRight - by what the dealer has advertised
   * @throws FederatedError SECAGG_TOO_FEW; `lost` is the dealer then, if it is not for want of holders
   */
  secretOf(kind: SecretKind, dealer: number, isRight: (secret: Uint8Array) => boolean): Uint8Array {
    const shares = this.#shares[kind].get(dealer) ?? [];
    const { threshold } = this.#graph.shape;
    if (countIn(this.#graph.holders(dealer), this.holders) >= threshold) this.lost = dealer; // unless it comes out
    if (shares.length < threshold) {
      refuse(
        'SECAGG_TOO_FEW',
        `${shares.length} shares of the ${nameOf[kind]} of client ${dealer}, ${threshold} needed`,
      );
    }
    const found = reconstruct(shares, threshold, isRight, this.blamed);
    if (found === null) {
      refuse('SECAGG_TOO_FEW', `the shares of the ${nameOf[kind]} of client ${dealer} do not fit together`);
    }
    for (const holder of found.wrong) this.blamed.add(holder);
    this.lost = undefined;
    return found.secret;
  }

  /** Overwrites and forgets all shares. */
  wipe(): void {
    for (const list of Object.values(this.#shares)) {
      for (const shares of list.values()) for (const { share } of shares) share.fill(0);
      list.clear();
    }
  }

  #sharesIn(
    holder: number,
    bits: Uint8Array,
    list: Uint8Array,
    allowed: ReadonlySet<number>,
  ): ReadonlyMap<number, Uint8Array> {
    const dealers = decodePositions(bits, this.#graph.shape.clients);
    const shares = partsOf('reveal', list, lengths.share, dealers);
    for (const [dealer, share] of shares) {
      const x = this.#graph.xOf(dealer, holder);
      if (x !== undefined && allowed.has(dealer) && share[lengths.share - 1] === x) continue;
      refuse('BAD_SHARE', `client ${holder} has revealed a share of client ${dealer} that is not its own`);
    }
    return shares;
  }
}
