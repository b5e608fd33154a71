import type { Aead, Primitives, SuiteName } from '../crypto/primitives.ts';
import { FederatedError } from '../errors.ts';
import { maxFramesPerKey } from './limits.ts';

/**
 * Seals and opens the messages of one session. Each direction has its key and its counter; the counter is the nonce and is
 * not sent, so a message that is replayed, reordered, left out or altered does not open, and the channel is dead from then on.
 */
export class SealedChannel {
  readonly #aead: Aead;
  readonly #sendKey: Uint8Array;
  readonly #receiveKey: Uint8Array;
  readonly #maxFrames: number;
  readonly #sendNonce: Uint8Array;
  readonly #receiveNonce: Uint8Array;
  #sent = 0;
  #received = 0;
  #dead = false;

  constructor(options: {
    readonly primitives: Primitives;
    readonly suite: SuiteName;
    /** 32 bytes each */
    readonly sendKey: Uint8Array;
    readonly receiveKey: Uint8Array;
    readonly maxFrames?: number;
  }) {
    this.#aead = options.primitives.aead(options.suite);
    this.#sendKey = new Uint8Array(options.sendKey);
    this.#receiveKey = new Uint8Array(options.receiveKey);
    this.#maxFrames = options.maxFrames ?? maxFramesPerKey;
    this.#sendNonce = new Uint8Array(this.#aead.nonceLength);
    this.#receiveNonce = new Uint8Array(this.#aead.nonceLength);
  }

  /** @throws FederatedError SEAL_EXHAUSTED after `maxFrames` messages; BAD_SEAL on a dead channel */
  seal(plaintext: Uint8Array): Uint8Array {
    this.#expectAlive();
    const nonce = count(this.#sendNonce, this.#next(this.#sent++));
    return this.#aead.seal(this.#sendKey, nonce, plaintext);
  }

  /** The plaintext at a 4-aligned offset. @throws FederatedError BAD_SEAL, SEAL_EXHAUSTED; the channel is dead after */
  open(sealed: Uint8Array): Uint8Array {
    this.#expectAlive();
    const nonce = count(this.#receiveNonce, this.#next(this.#received++));
    const plaintext = this.#aead.open(this.#receiveKey, nonce, sealed);
    if (plaintext !== null) return plaintext;
    this.close();
    throw new FederatedError('BAD_SEAL', 'channel: a message was altered, replayed, reordered or left out');
  }

  /** Overwrites the keys. */
  close(): void {
    this.#dead = true;
    this.#sendKey.fill(0);
    this.#receiveKey.fill(0);
  }

  #expectAlive(): void {
    if (this.#dead) throw new FederatedError('BAD_SEAL', 'channel: it is closed');
  }

  #next(counter: number): number {
    if (counter < this.#maxFrames) return counter;
    this.close();
    throw new FederatedError(
      'SEAL_EXHAUSTED',
      `channel: ${this.#maxFrames} messages under one key; connect anew for fresh keys`,
    );
  }
}

/** Writes the counter into the last 8 bytes of the nonce, big-endian. */
function count(nonce: Uint8Array, counter: number): Uint8Array {
  const view = new DataView(nonce.buffer, nonce.length - 8);
  view.setUint32(0, Math.floor(counter / 2 ** 32));
  view.setUint32(4, counter % 2 ** 32);
  return nonce;
}
