import { concat, equalBytes, toHex } from '../bytes.ts';
import type { Primitives } from '../crypto/primitives.ts';
import { checkStep, clientSteps, type ClientStep } from './messages.ts';
import { refuse } from './refuse.ts';
import { advertStatement, badAdvert, checkContext, compareBytes, readAdvert, type Advert } from './roster.ts';

/** Not secret: a key of low order agrees on zero with every secret. */
const anySecret = new Uint8Array(32).fill(1);

/** The adverts of an attempt while they come in: each signed by its own client for this context, and each key given once. */
export class AdvertBook {
  readonly #primitives: Pick<Primitives, 'verify' | 'agree'>;
  readonly #context: Uint8Array;
  readonly #most: number;
  readonly #adverts = new Map<string, Advert>();
  /** Mask keys and share keys of the adverts, in hex. */
  readonly #keys = new Set<string>();

  /**
   * @param context - hash of the round's context, 32 bytes
   * @param most - adverts that the plan allows
   */
  constructor(primitives: Pick<Primitives, 'verify' | 'agree'>, context: Uint8Array, most: number) {
    this.#primitives = primitives;
    this.#context = context;
    this.#most = most;
  }

  get size(): number {
    return this.#adverts.size;
  }

  /**
   * @param identity - Ed25519 public key of the session that it came by: nobody advertises for another
   * @returns false when this very advert is there already
   * @throws FederatedError SECAGG_MESSAGE, SECAGG_BAD_ADVERT, SECAGG_CONTEXT, SECAGG_REUSED_ADVERT; SECAGG_ROSTER when it is full
   */
  take(identity: Uint8Array, message: ClientStep<'advert'>): boolean {
    const { advert: bytes } = checkStep('advert', clientSteps.advert, message);
    const advert = readAdvert(new Uint8Array(bytes));
    const name = toHex(identity);
    const known = this.#adverts.get(name);
    if (known !== undefined) {
      if (equalBytes(known.bytes, advert.bytes)) return false;
      refuse('SECAGG_REUSED_ADVERT', 'this client has advertised other keys for this attempt');
    }
    if (!equalBytes(advert.identity, identity)) badAdvert(advert);
    checkContext(advert, this.#context);
    if (!this.#primitives.verify(identity, advertStatement(advert), advert.signature)) badAdvert(advert);
    this.#checkKeys(advert);
    if (this.#adverts.size >= this.#most) refuse('SECAGG_ROSTER', 'the roster is full');
    this.#adverts.set(name, advert);
    for (const key of [advert.maskKey, advert.shareKey]) this.#keys.add(toHex(key));
    return true;
  }

  /** All of them in the order of the roster, by identity; the book is empty then. */
  close(): Uint8Array {
    const ordered = [...this.#adverts.values()].sort((a, b) => compareBytes(a.identity, b.identity));
    this.#adverts.clear();
    this.#keys.clear();
    return concat(...ordered.map(({ bytes }) => bytes));
  }

  /** That the keys of an advert are keys, and nobody's else. A client that found out later could only give up. */
  #checkKeys(advert: Advert): void {
    const { agree } = this.#primitives;
    for (const key of [advert.maskKey, advert.shareKey]) {
      if (this.#keys.has(toHex(key))) refuse('SECAGG_REUSED_ADVERT', 'a key of this client is that of another');
      try {
        agree(anySecret, key).fill(0);
      } catch {
        badAdvert(advert); // of low order
      }
    }
    if (equalBytes(advert.maskKey, advert.shareKey)) refuse('SECAGG_REUSED_ADVERT', 'one key for two purposes');
  }
}
