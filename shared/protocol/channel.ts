import type { Aead, Primitives, SuiteName } from '../crypto/primitives.ts';
import { FederatedError } from '../errors.ts';
import { maxFramesPerKey } from './limits.ts';

/**
 * Seals and opens the messages of one session. Each direction has its key and its counter; the counter is the nonce and is
 * not sent, so a message that is replayed, reordered, left out or altered does not open, and nothing after it does. Sealing
 * goes on until `close`, so that the other side can still be told why the session ends.
 */
export class SealedChannel {
  readonly #aead: Aead;
  readonly #sendKey: Uint8Array;
  readonly #receiveKey: Uint8Array;
  readonly #maxFrames: number;
  #sent = 0;
  #received = 0;
  /** Why nothing can be opened (sealed) any more. */
  #deaf: FederatedError | null = null;
  #mute: FederatedError | null = null;

  constructor(options: {
    readonly primitives: Primitives;
    readonly suite: SuiteName;
    /** 32 bytes each; the channel takes them over and overwrites them in the end. */
    readonly sendKey: Uint8Array;
    readonly receiveKey: Uint8Array;
    /** Messages under one key; smaller in tests. */
    readonly maxFrames?: number;
  }) {
    this.#aead = options.primitives.aead(options.suite);
    this.#sendKey = options.sendKey;
    this.#receiveKey = options.receiveKey;
    this.#maxFrames = options.maxFrames ?? maxFramesPerKey;
  }

  /**
   * Seals `head` (if any) and `plaintext` as one message.
   * @throws FederatedError SEAL_EXHAUSTED after `maxFrames` messages, BAD_STATE after `close`
   */
  seal(plaintext: Uint8Array, head?: Uint8Array): Uint8Array {
    if (this.#mute !== null) throw this.#mute;
    if (this.#sent >= this.#maxFrames) throw (this.#mute = this.#exhausted(this.#sendKey));
    return this.#aead.seal(this.#sendKey, nonceOf(this.#aead, this.#sent++), plaintext, head);
  }

  /**
   * The plaintext, at a 4-aligned offset in memory of its own.
   * @throws FederatedError BAD_SEAL, SEAL_EXHAUSTED, and the same again ever after; BAD_STATE after `close`
   */
  open(sealed: Uint8Array): Uint8Array {
    if (this.#deaf !== null) throw this.#deaf;
    if (this.#received >= this.#maxFrames) throw (this.#deaf = this.#exhausted(this.#receiveKey));
    const plaintext = this.#aead.open(this.#receiveKey, nonceOf(this.#aead, this.#received++), sealed);
    if (plaintext !== null) return plaintext;
    this.#receiveKey.fill(0);
    const what = 'channel: a message was altered, replayed, reordered or left out; connect anew';
    throw (this.#deaf = new FederatedError('BAD_SEAL', what));
  }

  /** Overwrites the keys. */
  close(): void {
    this.#sendKey.fill(0);
    this.#receiveKey.fill(0);
    const closed = new FederatedError('BAD_STATE', 'channel: it is closed');
    this.#deaf ??= closed;
    this.#mute ??= closed;
  }

  #exhausted(key: Uint8Array): FederatedError {
    key.fill(0);
    const what = `channel: ${this.#maxFrames} messages under one key; connect anew for fresh keys`;
    return new FederatedError('SEAL_EXHAUSTED', what);
  }
}

/** One for each length, for all channels: it is needed only while a message is sealed or opened. */
const nonces = new Map<number, Uint8Array>();

/** The counter in the last 8 bytes, big-endian, after zeros; good until the next call. */
function nonceOf({ nonceLength }: Aead, counter: number): Uint8Array {
  let nonce = nonces.get(nonceLength);
  if (nonce === undefined) nonces.set(nonceLength, (nonce = new Uint8Array(nonceLength)));
  const view = new DataView(nonce.buffer, nonce.length - 8);
  view.setUint32(0, Math.floor(counter / 2 ** 32));
  view.setUint32(4, counter % 2 ** 32);
  return nonce;
}
